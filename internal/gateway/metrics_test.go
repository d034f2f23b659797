package gateway

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// TestFiguresOfDeployment: each metric that the dashboard and the alerts ask for is one of
// the gateway's, with the labels that they use, and each alert has a test.
func TestFiguresOfDeployment(t *testing.T) {
	t.Parallel()
	g, err := New(DefaultConfig(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	descriptions := make(chan *prometheus.Desc, 1000)
	g.metrics.registry.Describe(descriptions)
	close(descriptions)
	labels := map[string]string{} // by metric
	for d := range descriptions {
		parts := regexp.MustCompile(`fqName: "(\w+)".*variableLabels: \{([^}]*)\}`).FindStringSubmatch(d.String())
		labels[parts[1]] = "," + parts[2] + ","
	}
	asked := 0
	for _, name := range []string{"grafana/fsgateway.json", "prometheus/alerts.yml", "prometheus/alerts_test.yml"} {
		text, err := os.ReadFile(filepath.Join("../../deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", name)
		}
		plain := strings.ReplaceAll(string(text), `\"`, `"`)
		for _, m := range regexp.MustCompile(`\b(fsgateway_\w+)(\{[^}]*\})?`).FindAllStringSubmatch(plain, -1) {
			metric := m[1]
			for _, ending := range []string{"_bucket", "_sum", "_count"} {
				if cut, ok := strings.CutSuffix(metric, ending); ok && labels[cut] != "" {
					metric = cut
				}
			}
			of, known := labels[metric]
			if !known {
				t.Errorf("%s: there is no metric %s", name, metric)
			}
			for _, label := range regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
				if l := label[1]; l != "instance" && l != "le" && !strings.Contains(of, ","+l+",") {
					t.Errorf("%s: %s has no label %s", name, metric, l)
				}
			}
			asked++
		}
	}
	if asked < 50 {
		t.Errorf("%d metrics are asked for", asked)
	}
}
