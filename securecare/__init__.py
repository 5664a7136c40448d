"""Settings, addresses and the technical ground of SecureCare: no business rules."""

import zoneinfo

# The pinned tzdata package is the only source of zone rules: a distribution's copy may be a year behind.
zoneinfo.reset_tzpath(to=())
