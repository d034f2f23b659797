// The pages are the repository's own, as they are. Links to its code, which the site does not
// have, become text.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withMermaid } from 'vitepress-plugin-mermaid';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { resolve: locate } = createRequire(import.meta.url);
const page = (text, link) => ({ text, link });

export default withMermaid({
  title: 'fsgateway',
  description: 'One GraphQL endpoint in front of the Fullscript partner API',
  srcDir: '..',
  srcExclude: ['**/node_modules/**', 'deploy/**', 'graph/**', 'internal/**', 'schema/**', 'site/**', 'tests/**'],
  outDir: '.vitepress/dist',
  cleanUrls: true,
  lastUpdated: false,
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  rewrites: { 'README.md': 'index.md', ':path(.*)/README.md': ':path/index.md' },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [page('Start', '/docs/first-hour'), page('Cookbook', '/docs/cookbook'), { text: 'Schema', link: '/reference.html', target: '_self' }, page('Settings', '/docs/config')],
    sidebar: [
      { text: 'Start', items: [page('The first hour', '/docs/first-hour'), page('Cookbook', '/docs/cookbook'), page('Apollo, urql, Relay', '/examples/typescript/'), page('Go', '/examples/go/'), page('A page without a backend', '/examples/embed/'), page('From REST to GraphQL', '/docs/migration'), page('The sandbox', '/docs/guides/sandbox')] },
      {
        text: 'Building clients',
        items: [
          page('Reading the schema', '/docs/guides/schema'), { text: 'All types and fields', link: '/reference.html', target: '_self' }, page('Signing in', '/docs/guides/signing-in'), page('Prescribing', '/docs/guides/prescribing'),
          page('Live updates', '/docs/guides/live-updates'), page('Limits and cost', '/docs/guides/costs'), page('Errors', '/docs/errors'), page('Assistants', '/docs/guides/assistants'), page('Federation', '/docs/guides/federation'),
        ],
      },
      {
        text: 'Running it',
        items: [
          page('Running', '/docs/guides/running'), page('Deploying and scaling', '/docs/guides/deploying'), page('Operating', '/docs/guides/operating'), page('Troubleshooting', '/docs/guides/troubleshooting'),
          page('Settings', '/docs/config'), page('Security model', '/SECURITY'), page('Reliability', '/docs/reliability'), page('Performance', '/docs/performance'), page('Compatibility', '/docs/compatibility'),
        ],
      },
      { text: 'How it works', items: [page('Tour', '/docs/tour'), page('Decisions', '/docs/adr/'), page('Contributing', '/CONTRIBUTING'), page('Changelog', '/CHANGELOG'), page('Licences', '/docs/licences')] },
    ],
  },
  // Pages lie above this folder, whose packages they are built with.
  vite: { resolve: { alias: [
    { find: /^vue\/server-renderer$/, replacement: locate('vue/server-renderer') },
    { find: /^vue$/, replacement: locate('vue/dist/vue.runtime.esm-bundler.js') },
  ] } },
  markdown: {
    languageAlias: { console: 'shellscript' },
    config(md) {
      const open = md.renderer.rules.link_open ?? ((tokens, i, options, env, self) => self.renderToken(tokens, i, options));
      const close = md.renderer.rules.link_close ?? ((tokens, i, options, env, self) => self.renderToken(tokens, i, options));
      const isPage = target => /\.md$/.test(target) && !/^(deploy|graph|internal|schema|site|tests)\//.test(relative(root, target));
      // Whether a link of a page leads to what is no page. One that leads nowhere is left, for VitePress to refuse.
      const leaves = (href, env) => {
        if (/^[a-z]+:|^#/.test(href)) return false;
        const target = resolve(dirname(env.realPath ?? env.path), href.replace(/#.*/, ''));
        return !isPage(target) && existsSync(target);
      };
      md.renderer.rules.link_open = (tokens, i, options, env, self) => {
        if (!leaves(tokens[i].attrGet('href'), env)) return open(tokens, i, options, env, self);
        for (let j = i, depth = 0; j < tokens.length; j++) {
          depth += tokens[j].nesting;
          if (depth === 0) {
            tokens[j].meta = { outside: true };
            break;
          }
        }
        return '<em>';
      };
      md.renderer.rules.link_close = (tokens, i, options, env, self) => (tokens[i].meta?.outside ? '</em>' : close(tokens, i, options, env, self));
    },
  },
});
