package tests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"fsgateway/internal/sandbox"
)

// TestMemory runs the gateway and the sandbox as two processes and reads the
// largest list there is: 500 rows with 10 fields.
func TestMemory(t *testing.T) {
	t.Parallel()
	const limit = 64 << 20
	binary := filepath.Join(t.TempDir(), "fsgateway")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	upstream, _ := serve(t, binary, "sandbox", "--addr", "127.0.0.1:0")
	address, pid := serve(t, binary, "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0", "--log-format", "json", "--upstream", upstream+"/api")

	query, _ := json.Marshal(map[string]string{"query": `{ products(first: 500) { nodes {
		id fullscriptId name status statusRaw variantCount brand { id name } primaryVariant { sku msrp imageUrl(size: SMALL) } } } }`})
	for range 20 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/graphql", bytes.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+sandbox.TokenPractitioner)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil || bytes.Count(body, []byte(`"fullscriptId"`)) != 500 {
			t.Fatalf("%v, %.300s", err, body)
		}
	}
	if most := peak(t, pid); most > limit {
		t.Errorf("the gateway took %d MB, %d are allowed", most>>20, limit>>20)
	} else {
		t.Logf("the gateway took %d MB at most", most>>20)
	}
}

// TestMemoryOfIntrospection has 100 clients without a token ask for as much of the schema as they
// may, all at once: little more is taken than their answers.
func TestMemoryOfIntrospection(t *testing.T) {
	t.Parallel()
	const limit = 300 << 20
	binary := filepath.Join(t.TempDir(), "fsgateway")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address, pid := serve(t, binary, "--addr", "127.0.0.1:0", "--admin-addr", "", "--operation-timeout", "5m", "--log-format", "json")
	ask := func(query string) (status int, answer []byte) {
		body, _ := json.Marshal(map[string]string{"query": query})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address+"/graphql", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Error(err)
			return 0, nil
		}
		answer, err = io.ReadAll(res.Body)
		if err := errors.Join(err, res.Body.Close()); err != nil {
			t.Error(err)
		}
		return res.StatusCode, answer
	}
	const all = " { name description fields { name description args { name description type { name kind ofType { name kind ofType { name kind } } } } type { name kind ofType { name kind ofType { name kind } } } } } "
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			query := fmt.Sprintf("{ __schema { types %s a%d: types %s b%d: types %s } }", all, i, all, i, all)
			if status, answer := ask(query); status != http.StatusOK || len(answer) < 500_000 {
				t.Errorf("%d %.300s", status, answer)
			}
		})
	}
	clients.Wait()
	var typenames strings.Builder
	for i := range 400 {
		fmt.Fprintf(&typenames, " a%d: __typename", i)
	}
	if status, answer := ask("{ __schema { types { fields {" + typenames.String() + " } } } }"); status != http.StatusBadRequest || len(answer) > 1000 {
		t.Errorf("%d, %d bytes of the same names", status, len(answer))
	}
	if most := peak(t, pid); most > limit {
		t.Errorf("the gateway took %d MB, %d are allowed", most>>20, limit>>20)
	} else {
		t.Logf("the gateway took %d MB at most", most>>20)
	}
}

// serve starts the program and waits for the address it prints.
func serve(t *testing.T, binary string, args ...string) (address string, pid int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, found := strings.Cut(lines.Text(), "http://"); found {
			host := rest[:strings.IndexAny(rest, `/"`)]
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return "http://" + host, cmd.Process.Pid
		}
	}
	t.Fatalf("%v printed no address", args)
	return "", 0
}

// peak is the most memory a process has had resident, in bytes.
func peak(t *testing.T, pid int) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmHWM")
	return 0
}
