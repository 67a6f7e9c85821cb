"""A model that serves as an ONNX graph of one query: history in, top k out."""

from __future__ import annotations

from typing import Any

import numpy as np

from recsmith.compress.onnx_tables import Graph, rows
from recsmith.errors import UserError
from recsmith.serving.model import ServingModel

OPSET = 17
IR_VERSION = 9
"""Old enough for every onnxruntime of the last years."""


def graph(model: ServingModel, k: int, digest: str) -> Any:
    """The ONNX model. Inputs ``history`` (h,) int64 and ``weights`` (h,) float32; where vectors of people are stored,
    ``user`` (1,) int64, the row of the person. Outputs ``items`` (1, k) int64 and ``scores`` (1, k) float32, of which
    -inf says that there are no more; items of the history are left out, an empty history gets the popularity list.

    Raises UserError where onnx is not installed, and for what this form cannot say.
    """
    onnx = _library()
    if model.sparse is not None or model.item_vectors is None:
        raise UserError(
            "This model has a sparse item-item table, which ONNX export does not take; compress it to the form "
            "'low rank' or 'tied' (params.yaml: compress.export.top_k: 0), then pack it again."
        )
    if 0 < model.projected < model.rank:
        raise UserError("This model is a blend of folded and stored vectors, which ONNX export does not take.")
    made = Graph(onnx)
    vectors = rows(made, "item_vectors", model.item_vectors)
    query = _query(made, model, vectors)
    scores = made.add("MatMul", [query, made.add("Transpose", [vectors], "columns", perm=[1, 0])], "product")
    _top(made, model, scores, min(k, model.n_items))
    return _model(made, model, min(k, model.n_items), digest)


def _library() -> Any:
    try:
        import onnx
    except ImportError as error:
        raise UserError("ONNX export needs the package onnx: `pip install recsmith[onnx]`.") from error
    return onnx


def _query(made: Graph, model: ServingModel, vectors: str) -> str:
    """(1, r): the person's vector, stored, or the weighted sum of the history's rows of the projection."""
    if model.projection is None:
        if model.user_vectors is None:
            raise UserError("This model stores no vectors of people, so that ONNX has nothing to score with.")
        return made.add("Gather", [rows(made, "user_vectors", model.user_vectors), "user"], "query", axis=0)
    folded = rows(made, "projection", model.projection, vectors)
    touched = made.add("Gather", [folded, "history"], "touched", axis=0)
    column = made.add("Unsqueeze", ["weights", made.constant("one", np.array([1]))], "column")
    return made.add(
        "ReduceSum", [made.add("Mul", [touched, column], "weighed"), made.constant("zero", np.array([0]))], "query"
    )


def _top(made: Graph, model: ServingModel, scores: str, k: int) -> None:
    popular = made.read_as("FLOAT", "popularity", model.popularity[None])
    length = made.add("Size", ["history"], "length")
    empty = made.add("Equal", [length, made.constant("none", np.array(0))], "empty")
    chosen = made.add("Where", [empty, popular, scores], "chosen")
    row = made.add("Unsqueeze", ["history", made.constant("first", np.array([0]))], "row")
    shape = made.add("Shape", [row], "shape")
    hidden = made.add(
        "ConstantOfShape", [shape], "hidden", value=made.onnx.numpy_helper.from_array(np.array([-np.inf], np.float32))
    )
    left = made.add("ScatterElements", [chosen, row, hidden], "left", axis=1)
    count = made.constant("k", np.array([k]))
    made.nodes.append(made.onnx.helper.make_node("TopK", [left, count], ["scores", "items"], axis=1))


def _model(made: Graph, model: ServingModel, k: int, digest: str) -> Any:
    helper, kinds = made.onnx.helper, made.onnx.TensorProto
    inputs = [
        helper.make_tensor_value_info("history", kinds.INT64, ["h"]),
        helper.make_tensor_value_info("weights", kinds.FLOAT, ["h"]),
    ]
    if model.projection is None:
        inputs = [helper.make_tensor_value_info("user", kinds.INT64, [1]), inputs[0]]
    outputs = [
        helper.make_tensor_value_info("items", kinds.INT64, [1, k]),
        helper.make_tensor_value_info("scores", kinds.FLOAT, [1, k]),
    ]
    graph = helper.make_graph(made.nodes, "recsmith", inputs, outputs, made.constants)
    built = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    helper.set_model_props(built, {"bundle": digest})
    made.onnx.checker.check_model(built, full_check=True)
    return built
