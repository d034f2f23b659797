package tests

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestDeploymentNames: each setting that is named in deploy/ is one of the gateway's.
func TestDeploymentNames(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range settings(t) {
		known[s[1]] = true
	}
	named := 0
	err := filepath.WalkDir("../deploy", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range regexp.MustCompile(`\b(GATEWAY|FULLSCRIPT)_[A-Z0-9_]+|\bREDIS_URL\b|\bLOG_(LEVEL|FORMAT)\b`).FindAllString(string(text), -1) {
			if named++; !known[strings.TrimSuffix(name, "_FILE")] {
				t.Errorf("%s: there is no setting %s", path, name)
			}
		}
		return nil
	})
	if err != nil || named < 20 {
		t.Errorf("%d settings, %v", named, err)
	}
}

// TestComposeIsClosed: the containers may write nothing, gain nothing, and are open to this
// machine alone; the sandbox is allowed by name.
func TestComposeIsClosed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var compose struct {
		Services map[string]struct {
			Environment map[string]string
			Ports       []string
			ReadOnly    bool     `yaml:"read_only"`
			CapDrop     []string `yaml:"cap_drop"`
		}
	}
	if err := yaml.Unmarshal(text, &compose); err != nil {
		t.Fatal(err)
	}
	for name, s := range compose.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: %+v", name, s)
		}
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to others", name, port)
			}
		}
	}
	if compose.Services["gateway"].Environment["GATEWAY_ALLOW_EMBEDDED"] != "true" {
		t.Error("the sandbox is not allowed")
	}
}
