"""Real streams, for tests that compare what Tiltmeter publishes with what pandas makes of the same file.

The files are not in this repository. They are looked for in the folder that ``TILTMETER_TEST_DATA`` names, else in
``shared/data`` beside the checkout.
"""

from data_sets.folder import data_file
from data_sets.served import Served

__all__ = ["Served", "data_file"]
