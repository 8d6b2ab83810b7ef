"""Keeps out what no user of the command line can act on."""

import logging
import re
import warnings


def filter_lightning_warnings() -> None:
    """Silence advertisements of the engine, and warnings that do not hold here."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not re.search("litlogger|litmodels", record.getMessage())  # advertisements
    )
    # A test needs none of the callbacks of the training.
    warnings.filterwarnings("ignore", ".*callbacks used to create the checkpoint.*")
    # A run that is resumed goes on in its folder; a new one has a new folder.
    warnings.filterwarnings("ignore", ".*exists and is not empty.*")
    # The loader works in memory: workers would only slow it down.
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    # Lightning 2.6.6 calls what torch 2.14 and jsonargparse 4.5x deprecate.
    warnings.filterwarnings("ignore", ".*isinstance\\(treespec, LeafSpec\\).*")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="jsonargparse")
