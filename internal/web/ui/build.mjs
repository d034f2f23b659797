// Builds the GraphiQL page's files into ../assets: hashed names, gzipped, and a
// manifest. The same input gives the same bytes. `node build.mjs --check` builds
// and compares instead of writing.
import { build } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../assets');
const check = process.argv.includes('--check');

const types = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.ttf': 'font/ttf',
  '.woff2': 'font/woff2',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
};

const sameLicence = {
  '@graphiql/plugin-doc-explorer': 'graphiql',
  '@graphiql/plugin-explorer': 'graphiql',
  '@graphiql/plugin-history': 'graphiql',
  'react-compiler-runtime': 'react',
  'react-remove-scroll-bar': 'react-remove-scroll',
};

const common = {
  absWorkingDir: here,
  outdir: 'dist', // never written: it is where output paths are counted from
  write: false,
  bundle: true,
  minify: true,
  metafile: true,
  target: ['es2022'],
  legalComments: 'none', // all of them are in THIRD_PARTY_LICENSES.txt
  logLevel: 'warning',
  logOverride: { 'ignored-bare-import': 'silent' },
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.ttf': 'dataurl', '.woff2': 'dataurl', '.svg': 'dataurl', '.png': 'dataurl' },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env.USE_IMPORT': '"true"' },
};

// graphiql/style.css holds Monaco's styles already, in the right order.
const monacoStylesOnce = {
  name: 'monaco-styles-once',
  setup(b) {
    b.onLoad({ filter: /[\\/]monaco-editor[\\/].*\.css$/ }, () => ({ contents: '', loader: 'css' }));
  },
};

// Icons are titled by the names of their functions, which minifying changes.
const iconTitles = {
  name: 'icon-titles',
  setup(b) {
    b.onLoad({ filter: /@graphiql[\\/]react[\\/]dist[\\/]icons[\\/]index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const contents = text.replace(/= generateIcon\((\w+)\)/g, "= generateIcon(Object.defineProperty($1, 'name', { value: '$1' }))");
      if (contents === text) throw new Error(`${path}: no icon found`);
      return { contents };
    });
  },
};

const workers = await build({
  ...common,
  format: 'iife',
  entryPoints: {
    'editor.worker': 'monaco-editor/esm/vs/editor/editor.worker.js',
    'json.worker': 'monaco-editor/esm/vs/language/json/json.worker.js',
    'graphql.worker': 'monaco-graphql/esm/graphql.worker.js',
  },
});
const workerNames = Object.fromEntries(workers.outputFiles.map(f => [basename(f.path).split('.')[0], `./${basename(f.path)}`]));

const page = await build({
  ...common,
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  entryPoints: { main: 'src/main.jsx' },
  alias: {
    'graphql-ws': './src/no-graphql-ws.js',
    // The old names, which @graphiql/react imports, are CommonJS: their exports are lost when esbuild makes a module of them.
    'prettier/parser-babel': 'prettier/plugins/babel',
    'prettier/parser-graphql': 'prettier/plugins/graphql',
  },
  define: { ...common.define, WORKERS: JSON.stringify(workerNames) },
  plugins: [monacoStylesOnce, iconTitles],
});

const files = new Map(
  [...workers.outputFiles, ...page.outputFiles]
    .filter(f => f.contents.length > 0) // what monacoStylesOnce left
    .map(f => [basename(f.path), Buffer.from(f.contents)]),
);
const licences = Buffer.from(licenceTexts([workers.metafile, page.metafile]));
files.set('THIRD_PARTY_LICENSES.txt', licences);

const entry = Object.entries(page.metafile.outputs).find(([, o]) => o.entryPoint === 'src/main.jsx');
const manifest = {
  script: basename(entry[0]),
  style: basename(entry[1].cssBundle),
  // What the page always needs, to be loaded at once and not one after the other.
  preload: needed(page.metafile.outputs, entry[0]),
  files: [...files.keys()].sort().map(name => ({
    name,
    type: types[extname(name)],
    size: files.get(name).length,
    sha256: createHash('sha256').update(files.get(name)).digest('hex'),
  })),
};
const manifestText = JSON.stringify(manifest, null, 2) + '\n';

if (check) {
  compare();
} else {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  let zipped = 0;
  for (const [name, content] of files) {
    const gz = gzip(content);
    zipped += gz.length;
    writeFileSync(join(out, `${name}.gz`), gz);
  }
  writeFileSync(join(out, 'manifest.json'), manifestText);
  console.log(`${files.size} files, ${manifest.files.reduce((sum, f) => sum + f.size, 0)} bytes, ${zipped} gzipped, in ${relative(process.cwd(), out)}`);
}

// The bytes of a gzip file depend on zlib, which differs between versions of
// Node and processors; what is in it does not.
function compare() {
  const wrong = [];
  const read = name => (existsSync(join(out, name)) ? readFileSync(join(out, name)) : Buffer.alloc(0));
  if (read('manifest.json').toString() !== manifestText) wrong.push('manifest.json');
  for (const [name, content] of files) {
    const stored = read(`${name}.gz`);
    if (stored.length === 0 || !gunzipSync(stored).equals(content)) wrong.push(`${name}.gz`);
  }
  const known = new Set(['manifest.json', ...[...files.keys()].map(name => `${name}.gz`)]);
  if (existsSync(out)) wrong.push(...readdirSync(out).filter(name => !known.has(name)));
  if (wrong.length > 0) {
    console.error(`assets are not what ui/ builds: ${wrong.join(', ')}`);
    process.exit(1);
  }
  console.log(`assets are what ui/ builds: ${files.size} files`);
}

function gzip(content) {
  const gz = gzipSync(content, { level: 9 });
  gz[9] = 255; // "unknown": not the operating system this was built on
  return gz;
}

/** The scripts that a script imports, and those that these import; Monaco too, which @graphiql/react imports when it runs. */
function needed(outputs, from) {
  const found = new Set();
  const visit = path => {
    for (const { path: next, kind } of outputs[path].imports) {
      if (found.has(next) || (kind === 'dynamic-import' && !/monaco-graphql\/esm\/(monaco-editor|lite)\.js$/.test(outputs[next].entryPoint ?? ''))) continue;
      found.add(next);
      visit(next);
    }
  };
  visit(from);
  return [...found].map(path => basename(path)).sort();
}

/** The licence of every package of which something was bundled. */
function licenceTexts(metafiles) {
  const packages = new Map();
  for (const { inputs } of metafiles) {
    for (const path of Object.keys(inputs)) {
      const root = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
      if (root) packages.set(root, JSON.parse(readFileSync(join(here, root, 'package.json'), 'utf8')));
    }
  }
  const parts = ['What the GraphiQL page is made of, and under which licences.\n'];
  const seen = new Set();
  for (const [root, { name, version, license }] of [...packages].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (seen.has(`${name}@${version}`)) continue;
    seen.add(`${name}@${version}`);
    const texts = licenceFiles(root);
    // A few packages ship no text; it is that of another by the same hands.
    if (texts.length === 0 && sameLicence[name]) texts.push(...licenceFiles(`node_modules/${sameLicence[name]}`));
    if (texts.length === 0) throw new Error(`${name}: no licence`);
    parts.push(section(`${name} ${version} (${license})`, texts.map(f => readFileSync(join(here, f), 'utf8'))));
  }
  for (const f of readdirSync(join(here, 'licenses')).sort()) {
    parts.push(section(f.replace(/\.txt$/, ''), [readFileSync(join(here, 'licenses', f), 'utf8')]));
  }
  return parts.join('\n');
}

function licenceFiles(root) {
  return readdirSync(join(here, root))
    .filter(f => /^(licen[cs]e|notice|copying|thirdpartynotices)([.-].*)?$/i.test(f))
    .sort()
    .map(f => `${root}/${f}`);
}

function section(title, texts) {
  return `${'='.repeat(78)}\n${title}\n${'='.repeat(78)}\n${texts.map(t => t.replace(/\r\n/g, '\n').trimEnd()).join('\n\n')}\n`;
}
