"""Minutes, not seconds: collected only where the environment variable FUNNEL_SOAK is set."""

import os

collect_ignore_glob = [] if os.environ.get("FUNNEL_SOAK") else ["test_*.py"]
