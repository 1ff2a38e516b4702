"""For `make notebooks`: what is stored beyond what the kernel sent."""

import json
import re

import nbformat
from nbconvert.preprocessors import Preprocessor

STATES = "application/vnd.jupyter.widget-state+json"
ID = re.compile(r"[0-9a-f]{32}")


class DropProgressBars(Preprocessor):
    """Leave out finished progress bars: stored, they would stand at 0 % for ever."""

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not self._is_bar(output)]
        return cell, resources

    @staticmethod
    def _is_bar(output) -> bool:
        data = output.get("data", {})
        is_widget = "application/vnd.jupyter.widget-view+json" in data
        return is_widget and "%|" in data.get("text/plain", "")


class StableWidgets(Preprocessor):
    """Number the widgets in order and forget those that no cell shows: the next run stores the same."""

    def preprocess(self, nb, resources):
        states = nb.metadata.get("widgets", {}).get(STATES, {}).get("state", {})
        seen, waiting = {}, ID.findall(json.dumps([cell.get("outputs", []) for cell in nb.cells]))
        while waiting:
            id = waiting.pop(0)
            if id in states and id not in seen:
                seen[id] = f"{len(seen):032x}"
                waiting += ID.findall(json.dumps(states[id]))
        if states:
            nb.metadata.widgets[STATES]["state"] = {id: states[id] for id in seen}
        text = ID.sub(lambda match: seen.get(match[0], match[0]), json.dumps(nb))
        return nbformat.from_dict(json.loads(text)), resources
