package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/difference"
)

// rememberedSchema is that of the document.
const rememberedSchema = 1

// remembered is the ledger.ManifestDocument. Nothing is made from it: what is in it is shown.
type remembered struct {
	Schema   int               `json:"schema"`   // 1
	Manifest string            `json:"manifest"` // as current_manifest_sha of the state, "sha256:9f86…"
	Key      string            `json:"key"`      // of the leaves' seals, "5f1c0a9e3b7d2264"
	Leaves   []difference.Leaf `json:"leaves"`
}

// recall reads what the VM was last made from. What cannot be read is as if it were not
// there: it only explains.
func recall(w *ledger.Writer) (found remembered, body []byte) {
	body, err := w.Get(ledger.ManifestDocument)
	if err != nil || json.Unmarshal(body, &found) != nil || found.Schema != rememberedSchema {
		return remembered{}, body
	}
	return found, body
}

// Remember writes down what the VM is made from.
func (m Manifest) Remember(w *ledger.Writer) error {
	body, err := json.MarshalIndent(remembered{rememberedSchema, m.SHA, m.key, m.leaves}, "", " ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", ledger.ManifestDocument, err)
	}
	if _, now := recall(w); bytes.Equal(now, body) {
		return nil
	}
	return w.Put(ledger.ManifestDocument, body)
}

// Forget deletes the document of an environment that is gone.
func Forget(w *ledger.Writer) error {
	if _, body := recall(w); body == nil {
		return nil
	}
	return w.Remove(ledger.ManifestDocument)
}

// Differences are the lines of a VM that will be made: each value that it was not made
// from before, and in any case everything that is fetched. Who writes the state can give
// old values here, but no new one.
func (m Manifest) Differences(w *ledger.Writer, st biconfig.DeploymentState) []string {
	var lines []string
	was, _ := recall(w)
	before := was.Leaves
	switch {
	case st.CurrentVMCID == "" && was.Manifest == "":
	case was.Manifest == "" || st.CurrentManifestSHA != "" && st.CurrentManifestSHA != was.Manifest:
		lines, before = append(lines, "! it is not known what the VM was last created from: the whole manifest is shown"), nil
	case was.Key != m.key:
		lines = append(lines, "! which secrets have changed is not known: the old ones were remembered under another key")
		before = slices.Clone(before)
		for i := range before {
			before[i].Seal = ""
		}
	}
	changes := difference.Lines(before, m.leaves)
	if len(changes) == 0 && st.CurrentManifestSHA != "" && st.CurrentManifestSHA != m.SHA {
		lines = append(lines, "! no value of the manifest has changed, only how it is written")
	}
	lines = append(lines, changes...)
	for _, l := range m.leaves {
		if fetched(l.Path) && !slices.ContainsFunc(changes, func(line string) bool { return strings.HasPrefix(line[2:], l.Path+": ") }) {
			lines = append(lines, "  "+l.String())
		}
	}
	return lines
}

// fetched says whether a value is a URL or the digest of what it gives.
func fetched(path string) bool {
	return strings.HasSuffix(path, "/url") || strings.HasSuffix(path, "/sha1")
}
