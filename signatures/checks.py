"""What an administrator has to set right before documents can be sealed."""
