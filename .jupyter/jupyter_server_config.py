"""How `make lab` starts JupyterLab. Nobody's own ~/.jupyter is changed by it.

In labconfig/, `default_setting_overrides.json` answers what JupyterLab asks on a first visit (may it fetch news?) with
no, unless the learner's own settings say yes, and `page_config.json` leaves out the search for extensions to build.
"""

import logging

c = get_config()  # noqa: F821  (Jupyter brings it)

# Encrypted between server and kernel: no other user of a shared machine reads along, and no kernel warns of it.
c.KernelManager.transport_encryption = "auto"

# Shown are warnings, but not these two, which frighten for nothing.
HARMLESS = (
    "is not trusted",  # a stored output's JavaScript waits until its cell is run, as it should
    "websocket_ping_timeout",  # two defaults of Jupyter's that do not fit, and are made to fit
)


class Harmless(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not any(words in record.getMessage() for words in HARMLESS)


c.ServerApp.log_level = c.LabApp.log_level = "WARN"
c.ServerApp.logging_config = {
    "filters": {"harmless": {"()": Harmless}},
    "handlers": {"console": {"filters": ["harmless"]}},
}
