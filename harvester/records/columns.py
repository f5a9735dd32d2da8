"""The objects of one level as Arrow columns, refusing every value that Arrow would alter on the way.

``pa.array`` is fast and lax: 1.5 becomes 1 in an int64 column and ``True`` 1.0 in a float64 one, an empty list
is taken for an object and an empty text for a list, unknown keys vanish, and casts to timestamps accept several
other forms. So whole objects go through it for texts and booleans only, with which it is strict. The other kinds
go column by column, which costs the same, and whose list of values makes the check of their types cheap.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate, chain, repeat
from types import MappingProxyType, NoneType

import pyarrow as pa
import pyarrow.compute as pc

from harvester.datasets import Field, Kind
from harvester.records.schema import arrow_type

type Extras = dict[int, dict[str, object]]
