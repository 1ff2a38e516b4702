"""For `make notebooks`: what is stored beyond what the kernel sent."""

from nbconvert.preprocessors import Preprocessor


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
