"""Which of the header's functions make losses."""

from __future__ import annotations

from abi.errors import HeaderError
from abi.model import PREFIX, Function, Header, Loss, Type

_EVERY = f"{PREFIX}loss"


def losses_of(header: Header) -> tuple[Loss, ...]:
    """The losses, in the order of their functions; init functions are checked by the way."""
    functions = {function.name: function for function in header.functions}
    for struct in header.structs:
        init = functions.get(f"{struct.name}_init")
        types = [] if init is None else [parameter.type for parameter in init.parameters]
        if types != [Type(struct.name, 1), Type("size_t")]:
            raise HeaderError(f"{struct.name} has no function {struct.name}_init")
    found = [_loss(header, name, create) for name, create in functions.items()]
    return tuple(loss for loss in found if loss is not None)


def _loss(header: Header, name: str, create: Function) -> Loss | None:
    if not name.endswith("_create"):
        return None
    stem = name.removesuffix("_create")
    options = header.struct(f"{stem}_options")
    types = [parameter.type for parameter in create.parameters]
    if options is None or types != [Type(options.name, 1, True), Type(_EVERY, 2)]:
        raise HeaderError(f"{name} does not take {stem}_options and a place for a handle")
    methods = tuple(
        function
        for function in header.functions
        if function.name.startswith(f"{stem}_")
        and function.parameters[:1]
        and function.parameters[0].type == Type(_EVERY, 1, True)
    )
    return Loss(stem.removeprefix(PREFIX), options, create, methods)
