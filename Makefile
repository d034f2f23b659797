.DEFAULT_GOAL := check
.PHONY: check generate schema format lint test race

check: ## what CI does, all of it
	.ci/run

generate: ## graph/gen and the resolver files, from schema/ and gqlgen.yml
	go generate tools.go

schema: ## docs/schema.graphql, the SDL as one file
	go run . schema >docs/schema.graphql

format:
	.ci/golangci-lint fmt

lint:
	.ci/golangci-lint run

test:
	go test ./...

race:
	go test -race ./...
