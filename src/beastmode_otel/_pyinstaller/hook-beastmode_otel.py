"""What a bundle needs besides the modules that PyInstaller finds: data files, entry points and their exporters."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_data_files, collect_entry_point, collect_submodules, copy_metadata

datas = collect_data_files("beastmode_otel") + copy_metadata("beastmode-otel")
hiddenimports = collect_submodules("beastmode_otel", filter=lambda name: "_pyinstaller" not in name)
for _group in ("opentelemetry_traces_exporter", "opentelemetry_metrics_exporter", "opentelemetry_logs_exporter"):
    _datas, _modules = collect_entry_point(_group)
    datas += _datas
    hiddenimports += _modules
if find_spec("beastmode_otel_minilm"):  # the weights of the embedder
    datas += collect_data_files("beastmode_otel_minilm")
    hiddenimports.append("beastmode_otel_minilm")
