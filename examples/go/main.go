// Command plans lists a patient's treatment plans, with a client that genqlient makes from the
// gateway's schema and operations.graphql:
//
//	go run . -token sandbox-practitioner b1d36490-f250-49a7-8707-2133a9eaceab
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

//go:generate go tool genqlient

func main() {
	log.SetFlags(0)
	address := flag.String("url", "http://127.0.0.1:8080/graphql", "the gateway")
	token := flag.String("token", os.Getenv("FULLSCRIPT_TOKEN"), "the user's OAuth access token")
	flag.Parse()
	client := graphql.NewClient(*address, &http.Client{
		Timeout:   20 * time.Second,
		Transport: bearer{*token},
	})
	if err := list(context.Background(), client, flag.Arg(0)); err != nil {
		log.Fatal(explain(err))
	}
}

// list prints all plans of a patient, page by page.
func list(ctx context.Context, client graphql.Client, patient string) error {
	var after *string
	for {
		answer, err := Plans(ctx, client, patient, 20, after)
		if err != nil {
			return err
		}
		p := answer.Patient
		if p == nil {
			return errors.New("there is no such patient")
		}
		if after == nil {
			fmt.Printf("%s %s\n", text(p.FirstName), text(p.LastName))
		}
		for _, plan := range p.TreatmentPlans.Nodes {
			fmt.Println(plan.Id, plan.State)
			for _, r := range plan.Recommendations {
				if r.Variant != nil && r.Variant.Product != nil {
					fmt.Printf("  %s (%s)\n", text(r.Variant.Product.Name), text(r.Variant.Sku))
				}
			}
		}
		page := p.TreatmentPlans.PageInfo
		if !page.HasNextPage {
			return nil
		}
		after = page.EndCursor
	}
}

// explain says what a user should know of an error: its code tells what can be done.
func explain(err error) string {
	list, _ := errors.AsType[gqlerror.List](err)
	if failed, ok := errors.AsType[*graphql.HTTPError](err); ok { // 401, 429 and 503 have the same body
		list = failed.Response.Errors
	}
	if len(list) == 0 {
		return err.Error()
	}
	switch code := list[0].Extensions["code"]; code {
	case "UNAUTHENTICATED":
		return "The token is missing or has expired."
	case "RATE_LIMITED":
		return fmt.Sprintf("Too many calls: try again in %v seconds.", list[0].Extensions["retryAfter"])
	default:
		return fmt.Sprintf("%s (%v, request %v)", list[0].Message, code, list[0].Extensions["requestId"])
	}
}

// bearer sends the token with each request.
type bearer struct{ token string }

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return http.DefaultTransport.RoundTrip(r)
}

func text(s *string) string {
	if s == nil {
		return "–"
	}
	return *s
}
