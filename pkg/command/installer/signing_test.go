package installer_test

import (
	"encoding/base64"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/world"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// addKey makes the key of KMS that the installer's policies allow.
func (p *place) addKey(t *testing.T, alias string) string {
	t.Helper()
	arn, err := p.AWS.AddKMSKey(aws.KMSKey{Aliases: []string{alias}})
	if err != nil {
		t.Fatal(err)
	}
	return arn
}

// envelopes are those of the operator's documents.
func (p *place) envelopes(t *testing.T) (list []seal.Envelope) {
	t.Helper()
	for _, name := range document.Names()[:3] {
		e, err := seal.Peek([]byte(p.AWS.Object(bucket, name)))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		list = append(list, e)
	}
	return list
}

// signers are what the operator's documents say of their keys.
func (p *place) signers(t *testing.T) (list []string) {
	t.Helper()
	for _, e := range p.envelopes(t) {
		if origin := e.KeyOrigin.String(); !slices.Contains(list, origin) {
			list = append(list, origin)
		}
	}
	return list
}

// refused wants a run to end with one line, which says something, and nothing to change.
func (p *place) refused(t *testing.T, env []string, says ...string) {
	t.Helper()
	before := p.AWS.WritesBy()
	delete(before, "objects")
	for _, verb := range []string{"plan", "deploy"} {
		q := run(t, p.dir, p.env(env...), verb, "--quiet")
		if q.code != 1 || q.stdout != "" || strings.Count(q.stderr, "error: ") != 1 {
			t.Errorf("%s: code %d, stdout %q\n%s", verb, q.code, q.stdout, q.stderr)
		}
		for _, part := range says {
			if !strings.Contains(q.stderr, part) {
				t.Errorf("%s: it lacks %q:\n%s", verb, part, q.stderr)
			}
		}
	}
	after := p.AWS.WritesBy()
	delete(after, "objects")
	if !maps.Equal(after, before) {
		t.Errorf("it wrote %v, and before %v", after, before)
	}
}

// With a key of KMS nothing secret in a file signs what the operator says, from the first
// run on, and the pipeline knows that key. What another key has signed is refused.
func TestDeploy_signsWithAKeyOfKMS(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"state": map[string]any{"signing_key": "alias/operator"}})
	p.refused(t, nil, "state.signing_key: use KMS key alias/operator", "is not found", "check its name, and that it is in eu-central-1", "nothing was changed")
	if files, err := os.ReadDir(p.dir); err != nil || len(files) != 1 {
		t.Errorf("it left %v, %v", files, err)
	}
	arn := p.addKey(t, "alias/operator")
	p.good(t, "deploy")
	if got := p.signers(t); !slices.Equal(got, []string{"kept in KMS as " + arn}) {
		t.Errorf("the documents are signed by %q", got)
	}
	config, _ := p.Concourse.PipelineConfig(world.OwnTeam, "self-upgrade")
	if !strings.Contains(string(config), "ecdsa-p256:") || strings.Contains(string(config), "ed25519:") {
		t.Errorf("the pipeline does not know the key:\n%s", config)
	}
	p.finds(t, nothingToDo)
	if q := p.run(t, "plan"); q.code != 0 {
		t.Errorf("plan: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	p.good(t, "info")

	const name = "operator/configuration.json"
	good := p.AWS.Object(bucket, name)
	key, err := seal.ReadIdentity(filepath.Join(p.dir, site.Name+".operator-key"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := seal.Peek([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	forged, err := seal.Sign(t.Context(), key, seal.Place{Installation: site.Name, Document: name}, e.Serial+1, e.Body)
	if err != nil {
		t.Fatal(err)
	}
	p.AWS.PutObject(bucket, name, string(forged))
	p.refused(t, nil, name, "it names key", key.Public().ID(), "nothing was changed", "write state.signing_key: null")
	p.AWS.PutObject(bucket, name, good)
	p.AWS.ChangeKMSKey(arn, func(k *aws.KMSKey) { k.State = "Disabled" })
	p.refused(t, nil, "DisabledException", "aws kms enable-key", "nothing was changed")
	p.AWS.ChangeKMSKey(arn, func(k *aws.KMSKey) { k.State = "Enabled" })
	p.good(t, "destroy", "--yes-destroy", site.Name)
}

// To move to a key of KMS, and back, takes a yes; the pipeline follows.
func TestDeploy_movesToAKeyOfKMSAndBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	arn := p.addKey(t, "alias/operator")
	const set = "PERPETUAL_STATE_SIGNING_KEY="
	p.refused(t, []string{set + "alias/operator"}, "is signed by another key than the one that signs now; nothing was changed", "--accept-stored", "take state.signing_key back")
	if q := run(t, p.dir, p.env(set+"alias/operator"), "plan", "--accept-stored"); q.code != installer.ExitChanges || !strings.Contains(q.stdout, "~ signed by: key ") || !strings.Contains(q.stdout, "kept in KMS as "+arn) {
		t.Errorf("plan: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	for _, c := range []struct{ key, signer, pipeline string }{{"alias/operator", "kept in KMS as " + arn, "ecdsa-p256:"}, {"null", "made on ", "ed25519:"}} {
		if q := run(t, p.dir, p.env(set+c.key), "deploy", "--accept-stored"); q.code != 0 {
			t.Fatalf("%s: code %d\n%s", c.key, q.code, q.stderr)
		}
		if got := p.signers(t); len(got) != 1 || !strings.HasPrefix(got[0], c.signer) {
			t.Errorf("%s: the documents are signed by %q", c.key, got)
		}
		if config, _ := p.Concourse.PipelineConfig(world.OwnTeam, "self-upgrade"); !strings.Contains(string(config), c.pipeline) {
			t.Errorf("%s: the pipeline does not know the key:\n%s", c.key, config)
		}
		p.finds(t, nothingToDo) // without naming the key again
	}
}

// A state in a directory is read before the account is known.
func TestDeploy_signsAStateInADirectoryWithAKeyOfKMS(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"state": map[string]any{"dir": "./state", "signing_key": "alias/operator"}})
	arn := p.addKey(t, "alias/operator")
	p.good(t, "deploy")
	text, err := os.ReadFile(filepath.Join(p.dir, "state", "operator", "configuration.json"))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := seal.Peek(text); err != nil || e.KeyOrigin.Kept() != arn {
		t.Errorf("it is signed by %v, %v", e.KeyOrigin, err)
	}
	p.finds(t, nothingToDo)
}

func TestConfig_refusesASigningKeyThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ key, says string }{
		"a word":         {"operator", `state.signing_key: want the ARN of a KMS key, or alias/NAME, got "operator"`},
		"a key in clear": {"AGE-SECRET-KEY-1" + base64.StdEncoding.EncodeToString([]byte("x")), "state.signing_key: want the ARN of a KMS key, or alias/NAME"},
		"another region": {"arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d", "state.signing_key: is in eu-west-1, and aws.region is eu-central-1; name a key of eu-central-1"},
	} {
		t.Run(name, func(t *testing.T) {
			refuses(t, map[string]string{"perpetual.yml": "name: ci\naws: {region: eu-central-1}\nstate: {signing_key: '" + c.key + "'}\n"}, nil, []string{"deploy"}, c.says)
		})
	}
}
