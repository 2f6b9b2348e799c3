package command_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
)

// A file from before June 2025 has no digest on GitHub: it is verified against the
// source's, or taken as it comes and said so, or refused with both ways out.
func TestIn_verifiesAnAssetThatGitHubHasNoDigestOf(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.GitHub.Publish("old/tool", github.Release{Tag: "v1.0.0", CreatedAt: time.Now(), Assets: []github.Asset{{Name: "tool-linux", Content: []byte("a tool"), NoDigest: true}}})
	sum := sha256.Sum256([]byte("a tool"))
	right, wrong := hex.EncodeToString(sum[:]), strings.Repeat("00", 32)
	for name, c := range map[string]struct {
		keys   object
		says   string // in the metadata
		refuse string
	}{
		"refused":        {object{}, "", `give its SHA-256 in source.watch.concourse.digests, as in digests: {"tool-linux": …}, or take it as it comes with unverified: true`},
		"verified":       {object{"digests": object{"tool-linux": right}}, "", ""},
		"another digest": {object{"digests": object{"1.0.0/tool-linux": wrong}}, "", wrong},
		"unverified":     {object{"unverified": true}, "tool-linux", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.keys["github"] = "old/tool"
			source, _ := watch(c.keys)(s)
			dir := t.TempDir()
			p := ask(t, "in", object{"source": source, "version": object{"concourse": "1.0.0"}, "params": object{"download": "all"}}, dir)
			found := files(t, dir)
			if c.refuse != "" {
				if p.code != 1 || p.stdout != "" || !strings.Contains(p.stderr, c.refuse) || len(found) != 0 {
					t.Errorf("exit code %d, stderr %s, files %v", p.code, p.stderr, found)
				}
				return
			}
			if r := answer[result](t, p); r.field("concourse unverified") != c.says || found["concourse/assets/tool-linux"] != "a tool" || found["concourse/tag"] != "v1.0.0" {
				t.Errorf("result %+v, files %v", r, found)
			}
		})
	}
}
