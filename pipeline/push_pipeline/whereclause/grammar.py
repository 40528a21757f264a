"""The grammar of where clauses, in lark's notation.

Keywords are read in any case. A column is one word to the lexer, dots and all, so that a
property may be called like a keyword (`user.like`).
"""

GRAMMAR = r"""
    ?start: disjunction

    ?disjunction: conjunction (_OR conjunction)*
    ?conjunction: one (_AND one)*
    ?one: NOT one                                      -> negation
        | "(" disjunction ")"
        | COLUMN OPERATOR literal                       -> comparison
        | COLUMN [NOT] _LIKE TEXT                       -> like
        | COLUMN [NOT] _IN "(" literal ("," literal)* ")" -> one_of
        | COLUMN [NOT] _BETWEEN literal _AND literal    -> between
        | COLUMN _IS [NOT] _NULL                        -> is_null

    ?literal: TEXT -> text
        | NUMBER -> number
        | TRUE -> true
        | FALSE -> false

    OPERATOR: "<=" | ">=" | "<>" | "!=" | "=" | "<" | ">"
    TEXT: /'(?:[^']|'')*'/
    NUMBER: /-?[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.])/
    COLUMN: /[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*/

    _OR.2: /or(?![A-Za-z0-9_.])/i
    _AND.2: /and(?![A-Za-z0-9_.])/i
    NOT.2: /not(?![A-Za-z0-9_.])/i
    _LIKE.2: /like(?![A-Za-z0-9_.])/i
    _IN.2: /in(?![A-Za-z0-9_.])/i
    _BETWEEN.2: /between(?![A-Za-z0-9_.])/i
    _IS.2: /is(?![A-Za-z0-9_.])/i
    _NULL.2: /null(?![A-Za-z0-9_.])/i
    TRUE.2: /true(?![A-Za-z0-9_.])/i
    FALSE.2: /false(?![A-Za-z0-9_.])/i

    %import common.WS
    %ignore WS
"""
