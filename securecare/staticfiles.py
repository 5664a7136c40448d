"""Static files under names that change with their content, so that browsers may keep them for good."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Also renames what our own modules import: a module loaded under two names would answer every event twice.

    Django's own support for modules reads other packages' files as well, and stumbles over imports in their comments.
    """

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        (
            "js/*.js",
            ((r"""(?P<matched>\b(?P<word>from|import) "(?P<url>\./[^"]+)")""", '%(word)s "%(url)s"'),),
        ),
    )
