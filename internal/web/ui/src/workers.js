// Monaco's workers. WORKERS is put in by build.mjs: their hashed names.
globalThis.MonacoEnvironment = {
  getWorker(_id, label) {
    const name = WORKERS[label] ?? WORKERS.editor;
    return new Worker(new URL(name, import.meta.url), { name: label });
  },
};
