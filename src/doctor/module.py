# Says whether `python -m NAME` finds what it would run, and imports nothing of it. A package's own
# code may change where its modules are: where it could, the answer is not sure and none is given.
import sys


def find(name, places):
    for finder in sys.meta_path:
        spec = finder.find_spec(name, places)
        if spec is not None:
            return spec
    return None


def may_move(package):
    if not package.has_location:  # a namespace package has no code
        return package.origin is not None
    with open(package.origin, "rb") as file:
        code = file.read()
    return any(word in code for word in [b"__path__", b"meta_path", b"sys.modules"])


def answer(name, rest, places):
    spec = find(name, places)
    if spec is None:
        return "missing " + name
    places = spec.submodule_search_locations
    if places is None:
        return "unsure" if rest else "found"
    if may_move(spec):
        return "unsure"
    inner, *rest = rest or ["__main__"]
    return answer(name + "." + inner, rest, places)


top, *rest = sys.argv[1].split(".")
print(answer(top, rest, None))
