package cpi_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshsys "github.com/cloudfoundry/bosh-utils/system"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cpi"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// documents are documents in memory.
type documents map[string][]byte

func (d documents) Get(_ context.Context, name string) ([]byte, error) { return d[name], nil }

func (d documents) Put(_ context.Context, name string, body []byte) error {
	d[name] = body
	return nil
}

func (d documents) Delete(_ context.Context, name string) error {
	delete(d, name)
	return nil
}

// A call is in the journal with its answer. What the CPI says of itself is asked once, and
// again only when it has not said it.
func TestRunner_asksTheCPIForItselfOnce(t *testing.T) {
	t.Parallel()
	store, jobs, dir := documents{}, t.TempDir(), t.TempDir()
	program, asked := filepath.Join(jobs, "cpi"), filepath.Join(dir, "asked")
	script := `#!/bin/bash
IFS= read -r -d '' request
echo "$request" >> ` + asked + `
case $request in
*create_disk*) echo '{"result": "vol-1", "error": null}' ;;
*) [ -e ` + dir + `/healthy ] || { echo oops; exit 1; }; echo '{"result": {"api_version": 2}, "error": null}' ;;
esac
`
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	w := ledger.NewWriter(t.Context(), store, false)
	client := cpi.NewClient(t.Context(), w, ledger.Journal{}, cpi.Options{Dir: dir, Now: time.Now, Grace: time.Minute})
	runner := cpi.NewRunner(t.Context(), os.Getenv("PATH"), jobs, client, boshlog.NewLogger(boshlog.LevelNone))
	call := func(method string) string {
		out, _, _, _ := runner.RunComplexCommand(boshsys.Command{Name: program, Stdin: strings.NewReader(`{"method": "` + method + `", "arguments": [1024, {}, "i-1"]}`)})
		return out
	}
	if out := call("info"); out != "oops\n" {
		t.Errorf("a CPI that is broken: %q", out)
	}
	if err := os.WriteFile(filepath.Join(dir, "healthy"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if out := call("info"); !strings.Contains(out, `"api_version": 2`) {
			t.Errorf("answer %q", out)
		}
		if out := call("create_disk"); !strings.Contains(out, "vol-1") {
			t.Errorf("answer %q", out)
		}
	}
	requests, err := os.ReadFile(asked)
	if err != nil {
		t.Fatal(err)
	}
	if infos, disks := strings.Count(string(requests), "info"), strings.Count(string(requests), "create_disk"); infos != 2 || disks != 3 {
		t.Errorf("the CPI was asked %d times for itself and %d times for a disk: %s", infos, disks, requests)
	}
	var kept ledger.Journal
	if err := json.Unmarshal(store[ledger.JournalDocument], &kept); err != nil || len(kept.Calls) != 3 {
		t.Fatalf("journal %s, error %v", store[ledger.JournalDocument], err)
	}
	for i, c := range kept.Calls {
		if c.Number != i+1 || c.Outcome != ledger.Answered || c.CID != "vol-1" || c.Size != 1024 {
			t.Errorf("entry %+v", c)
		}
	}
}
