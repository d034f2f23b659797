.DEFAULT_GOAL := check
.PHONY: check build generate schema schema-lint format lint vulnerabilities licences test race redis deploy soak bench mutants audits clients browser examples page screenshots first-hour site

check: ## what CI does, all of it
	.ci/run

build: ## the program, without cgo; a release sets VERSION, COMMIT and DATE
	.ci/build fsgateway

generate: ## graph/gen and the resolver files, from schema/ and gqlgen.yml
	go generate tools.go

schema: ## docs/schema.graphql, the SDL as one file
	go run . schema >docs/schema.graphql

format:
	.ci/golangci-lint fmt

lint:
	.ci/golangci-lint run

vulnerabilities: ## those known of what the program uses
	.ci/vulnerabilities

licences: ## docs/licences.md, those of what is in the program
	.ci/licences >docs/licences.md

test:
	go test ./...

race:
	go test -race ./...

redis: ## the tests that use Redis, on a real redis-server; installs it
	.ci/redis

deploy: ## checks of what is in deploy/; installs promtool, nginx, Caddy and helm
	.ci/deploy

soak: ## ten minutes of two gateways on one Redis, with a partner that goes wrong in every way; needs redis-server
	.ci/build .bin/fsgateway
	go run ./tests/soak

bench: ## CPU, allocations and times of queries, beside a handler written by hand; see docs/performance.md
	go run ./tests/bench

mutants: ## which checks of the guarding packages no test would miss; an hour
	.ci/mutants

npm = tests/clients/node_modules/.package-lock.json

audits: $(npm) ## what graphql-http's 61 audits say of the gateway; needs Node 20
	.ci/build .bin/fsgateway
	cd tests/clients && GATEWAY=$(CURDIR)/.bin/fsgateway npm run --silent audits

schema-lint: $(npm) ## graphql-eslint on the schema, and graphql-inspector on what it would break
	cd tests/clients && npm run --silent schema

clients: $(npm) ## Apollo Client, urql, Relay's network layer, graphql-ws, graphql-sse, a comparison with graphql-js, and Apollo's composer and router
	.ci/build .bin/fsgateway
	cd tests/clients && GATEWAY=$(CURDIR)/.bin/fsgateway npm run --silent clients
	cd tests/clients && GATEWAY=$(CURDIR)/.bin/fsgateway npm run --silent streams
	cd tests/clients && GATEWAY=$(CURDIR)/.bin/fsgateway npm run --silent differential
	cd tests/clients && GATEWAY=$(CURDIR)/.bin/fsgateway npm run --silent federation

browser: ## the page in headless Chromium; installs what it needs
	.ci/browser

examples: ## examples/typescript compiled and used in headless Chromium, examples/go generated and run
	.ci/examples

first-hour: ## what docs/first-hour.md says, with the time of each step
	.ci/first-hour

site: ## the documentation as a site, in site/.vitepress/dist; a dead link fails
	.ci/site

screenshots: ## docs/images, by the same checks
	dir=$$(mktemp -d) && SCREENSHOTS=$$dir .ci/browser && SCREENSHOTS=$$dir .ci/examples && cp $$dir/front-desk.png docs/images/front-desk.png && cp $$dir/light.png docs/images/graphiql-light.png && \
	cp $$dir/dark.png docs/images/graphiql-dark.png && rm -r $$dir

page: ## internal/web/assets, from the sources in internal/web/ui and pinned npm packages
	cd internal/web/ui && npm ci --silent && node build.mjs

$(npm): tests/clients/package-lock.json tests/clients/.npmrc
	cd tests/clients && npm ci --silent
