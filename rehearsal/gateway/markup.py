"""Reads and changes XML answers by local names."""

import re
from xml.etree import ElementTree


def change(body, edit):
    """Parses a text, calls `edit(root)`, and writes the result with the same default namespace."""
    namespace = re.search(rb'xmlns="([^"]+)"', body)
    if namespace:
        ElementTree.register_namespace("", namespace.group(1).decode())
    root = ElementTree.fromstring(body)
    edit(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def find(element, *names):
    """The first descendant by a path of local names."""
    for name in names:
        element = next((child for child in element if local(child) == name), None) if element is not None else None
    return element


def text(element, *names):
    found = find(element, *names)
    return found.text if found is not None else None


def having(root, *names):
    """Every element that has all these children."""
    return [element for element in root.iter() if all(find(element, name) is not None for name in names)]


def put(element, value, *names):
    found = find(element, *names)
    if found is not None:
        found.text = value


def add(parent, name, value=None):
    namespace = parent.tag.rsplit("}", 1)[0] + "}" if "}" in parent.tag else ""
    child = ElementTree.SubElement(parent, namespace + name)
    child.text = value
    return child


def remove(element, name):
    found = find(element, name)
    if found is not None:
        element.remove(found)
