"""Which rows of a list a console asks for, in both spellings that it has."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query

#: Rows of a page where none is asked for, and the most that may be, as in the API elsewhere.
PAGE_DEFAULT = 10
PAGE_MAX = 100

#: Rows. What a database counts in 32 bits; no page of a console is further down.
OFFSET_MAX = 2_147_483_647

#: Rows of a list that consoles show as a whole: of channels, of templates.
LIST_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Paging:
    """Which rows are asked for."""

    limit: int
    offset: int


PageSize = Annotated[int | None, Query(ge=1, le=PAGE_MAX)]


def read_paging(
    pagesize: PageSize = None,
    page_size: Annotated[PageSize, Query(alias="pageSize")] = None,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> Paging:
    """Read which rows are asked for, in both spellings that the console has."""
    return Paging(pagesize or page_size or PAGE_DEFAULT, offset)


ListSize = Annotated[int | None, Query(ge=1, le=LIST_MAX)]


def read_list(
    pagesize: ListSize = None,
    page_size: Annotated[ListSize, Query(alias="pageSize")] = None,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX)] = 0,
) -> Paging:
    """Read which rows of a list that is mostly short; all that may be at once, if not said."""
    return Paging(pagesize or page_size or LIST_MAX, offset)


Rows = Annotated[Paging, Depends(read_paging)]
ListRows = Annotated[Paging, Depends(read_list)]
