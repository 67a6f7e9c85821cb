"""Tables of every stored form as nodes of an ONNX graph, whose constants take the bytes that the bundle takes."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsmith.serving.packed import PackedTable
from recsmith.serving.product import ProductTable
from recsmith.serving.reranked import RerankedTable
from recsmith.serving.tables import Table
from recsmith.serving.tied import TiedTable
from recsmith.serving.vector_table import VectorTable


class Graph:
    """Nodes and constants, as they are added; each is known by the name of what it makes."""

    def __init__(self, onnx: Any) -> None:
        self.onnx, self.nodes, self.constants = onnx, [], []

    def constant(self, name: str, values: np.ndarray) -> str:
        """A tensor that the file holds as it is."""
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """A node with one output."""
        self.nodes.append(self.onnx.helper.make_node(operator, inputs, [output], **attributes))
        return output

    def read_as(self, kind: str, name: str, values: np.ndarray) -> str:
        """A tensor that is held as it is and read as another type, ``FLOAT`` or ``INT32``."""
        held = self.constant(f"{name}.held", values)
        return self.add("Cast", [held], name, to=self.onnx.TensorProto.DataType.Value(kind))


def rows(graph: Graph, name: str, table: VectorTable, base: str = "") -> str:
    """The rows (n, r) of a table as float32, by the arithmetic of the table itself; a tied one is read off ``base``.

    Of a re-ranked table the finer rows are taken. TypeError for a form that has no nodes.
    """
    if isinstance(table, RerankedTable):
        return rows(graph, name, table.exact)
    if isinstance(table, Table):
        return _numbers(graph, name, table)
    if isinstance(table, PackedTable):
        return _packed(graph, name, table)
    if isinstance(table, ProductTable):
        return _words(graph, name, table)
    if isinstance(table, TiedTable):
        scale = graph.read_as("FLOAT", f"{name}.scale", table.scale[:, None])
        turned = graph.add("Mul", [base, graph.constant(f"{name}.columns", table.columns)], f"{name}.turned")
        return graph.add("Mul", [turned, scale], name)
    raise TypeError(f"{type(table).__name__} has no nodes of ONNX; give it some in {__name__}.")


def _numbers(graph: Graph, name: str, table: Table) -> str:
    if table.scale is None:
        return graph.read_as("FLOAT", name, table.values)
    codes = graph.constant(f"{name}.values", table.values)
    scale = graph.read_as("FLOAT", f"{name}.scale", table.scale)
    return graph.add("DequantizeLinear", [codes, scale], name, axis=0)


def _packed(graph: Graph, name: str, table: PackedTable) -> str:
    """Each byte is looked up among the levels that it stands for; a column has the scale of its block."""
    codes, words = graph.read_as("INT32", f"{name}.codes", table.codes), graph.constant(f"{name}.words", table.words)
    scale = graph.read_as("FLOAT", f"{name}.scale", table.scale)
    block = graph.constant(f"{name}.block", np.arange(table.columns) // table.width)
    scales = graph.add("Gather", [scale, block], f"{name}.scales", axis=1)
    return graph.add("Mul", [_looked_up(graph, name, words, codes, table.columns), scales], name)


def _words(graph: Graph, name: str, table: ProductTable) -> str:
    """Books stand one below the other, so that a word is a row."""
    books, words, width = table.books.shape
    first = graph.constant(f"{name}.first", np.arange(books, dtype=np.int32) * words)
    codes = graph.add("Add", [graph.read_as("INT32", f"{name}.codes", table.codes), first], f"{name}.places")
    found = graph.read_as("FLOAT", f"{name}.books", table.books.reshape(books * words, width))
    near = _looked_up(graph, name, found, codes, table.columns)
    if table.scale is None:
        return near
    return graph.add("Mul", [near, graph.read_as("FLOAT", f"{name}.scale", table.scale[:, None])], f"{name}.scaled")


def _looked_up(graph: Graph, name: str, words: str, codes: str, columns: int) -> str:
    """The words of each row, one after the other. Shapes: words (w, d), codes (n, m) -> (n, columns), at most m d."""
    found = graph.add("Gather", [words, codes], f"{name}.found", axis=0)
    flat = graph.add("Reshape", [found, graph.constant(f"{name}.flat", np.array([0, -1]))], f"{name}.all")
    cut = [graph.constant(f"{name}.{what}", np.array([place])) for what, place in (("from", 0), ("to", columns))]
    return graph.add("Slice", [flat, *cut, graph.constant(f"{name}.axis", np.array([1]))], f"{name}.near")
