"""Write the golden rows of every version anew."""

from lake.conf import load_conf
from lake.features import FEATURES
from lake.session import spark_session
from tests.golden.rows import write

session = spark_session(load_conf("local"), "golden")
for name in FEATURES:
    write(session, name)
