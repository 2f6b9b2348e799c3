package installer_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	states "github.com/perpetual-ci/perpetual/pkg/aws/bucket"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/site"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// asPipeline is the state's store with the key of the pipeline, which the simulated IAM
// judges by the policies that ship.
func (p *place) asPipeline(t *testing.T) state.Store {
	t.Helper()
	env := p.Env()
	for name, parameter := range p.AWS.Parameters() {
		if strings.HasPrefix(name, "/perpetual-own/"+site.Name+"/") && strings.HasSuffix(name, "/aws_key") {
			env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], _ = strings.Cut(parameter.Value, "\n")
		}
	}
	if env["AWS_ACCESS_KEY_ID"] == p.Env()["AWS_ACCESS_KEY_ID"] {
		t.Fatal("the pipeline has no key")
	}
	ca, err := os.ReadFile(env["AWS_CA_BUNDLE"])
	if err != nil {
		t.Fatal(err)
	}
	b, err := states.New(states.Options{Bucket: bucket, Region: "eu-central-1", Endpoint: env["AWS_ENDPOINT_URL_S3"], PathStyle: true, CACert: string(ca), Env: func(name string) string { return env[name] }})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// overwrite writes a document over whatever is there.
func overwrite(t *testing.T, store state.Store, name, body string) error {
	t.Helper()
	found, err := store.Get(t.Context(), name)
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	_, err = store.Put(t.Context(), name, []byte(body), found.Revision)
	return err
}
