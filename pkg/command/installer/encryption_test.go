package installer_test

import (
	"os"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/command/installer"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// encryptedBy wants every document of the operator's to be encrypted by a key of KMS, or
// with "" by the operator's.
func (p *place) encryptedBy(t *testing.T, arn string) {
	t.Helper()
	for _, e := range p.envelopes(t) {
		if got := seal.WrappedBy(e.Body); got != arn {
			t.Errorf("%s is encrypted by %q, want %q", e.Document, got, arn)
		}
	}
}

// With keys of KMS that sign and encrypt nothing secret is in a file, and the pipeline
// still reads its part with the key in its parameter.
func TestDeploy_keepsNoKeyInAFileWhereKMSSignsAndEncrypts(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, map[string]any{"state": map[string]any{
		"signing_key": "alias/operator", "encryption": "kms", "encryption_key": "alias/state",
	}})
	p.addKey(t, "alias/operator")
	p.refused(t, nil, "state.encryption_key: use KMS key alias/state", "is not found", "check its name, and that it is in eu-central-1", "nothing was changed")
	arn, err := p.AWS.AddKMSKey(aws.KMSKey{Spec: "SYMMETRIC_DEFAULT", Aliases: []string{"alias/state"}})
	if err != nil {
		t.Fatal(err)
	}
	p.good(t, "deploy")
	p.encryptedBy(t, arn)
	files, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".operator-key") {
			t.Errorf("it made %s", f.Name())
		}
	}
	p.finds(t, nothingToDo)
	if q := p.run(t, "plan"); q.code != 0 {
		t.Errorf("plan: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	if q := p.run(t, "info", "--secrets"); q.code != 0 || !strings.Contains(q.stdout, "admin_password") {
		t.Errorf("info: code %d\n%s%s", q.code, q.stdout, q.stderr)
	}
	e, err := seal.Peek([]byte(p.AWS.Object(bucket, "operator/pipeline.json")))
	if err != nil {
		t.Fatal(err)
	}
	pipeline, err := seal.ParseIdentity(p.AWS.Parameters()["/perpetual-own/"+site.Name+"/state_key"].Value)
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := pipeline.Decrypt(e.Body); err != nil || !strings.Contains(string(plain), "nats_ca") {
		t.Errorf("the pipeline cannot read its part: %v", err)
	}
	p.AWS.ChangeKMSKey(arn, func(k *aws.KMSKey) { k.State = "Disabled" })
	p.refused(t, nil, "Disabled", "enable-key", "nothing was changed")
	p.AWS.ChangeKMSKey(arn, func(k *aws.KMSKey) { k.State = "Enabled" })
	p.good(t, "destroy", "--yes-destroy", site.Name)
}

// What the key in a file has encrypted is encrypted by one of KMS with the next deploy,
// and the other way round; nobody is asked, as it stays the operator's word.
func TestDeploy_encryptsByAKeyOfKMSAndBack(t *testing.T) {
	t.Parallel()
	p := newPlace(t, site.Options{}, nil)
	p.good(t, "deploy")
	p.encryptedBy(t, "")
	if _, err := p.AWS.AddKMSKey(aws.KMSKey{Spec: "SYMMETRIC_DEFAULT"}); err != nil { // the id of the key that signs
		t.Fatal(err)
	}
	arn, err := p.AWS.AddKMSKey(aws.KMSKey{Spec: "SYMMETRIC_DEFAULT", Aliases: []string{"alias/state"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ encryption, key, by string }{{"kms", "alias/state", arn}, {"age", "null", ""}} {
		env := p.env("PERPETUAL_STATE_ENCRYPTION="+c.encryption, "PERPETUAL_STATE_ENCRYPTION_KEY="+c.key)
		if q := run(t, p.dir, env, "plan"); q.code != installer.ExitChanges || !strings.Contains(q.stdout, "~ encrypted by: ") || !strings.Contains(q.stdout, arn) {
			t.Errorf("%s: plan: code %d\n%s%s", c.encryption, q.code, q.stdout, q.stderr)
		}
		if q := run(t, p.dir, env, "deploy"); q.code != 0 {
			t.Fatalf("%s: code %d\n%s", c.encryption, q.code, q.stderr)
		}
		p.encryptedBy(t, c.by)
		p.finds(t, nothingToDo) // without saying it again
		p.encryptedBy(t, c.by)
	}
}
