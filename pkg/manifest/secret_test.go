package manifest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
)

// Generated credentials do not print themselves, neither alone nor in what a manifest is
// rendered from.
func TestCredentials_doNotPrintThemselves(t *testing.T) {
	variables := append(manifest.FirstVariables(), credential.Variable{Name: "ca", Type: credential.TypeCertificate, Options: map[string]any{"is_ca": true, "common_name": "ca"}})
	all, _, err := credential.Generate(t.Context(), variables, nil, credential.Options{})
	if err != nil {
		t.Fatal(err)
	}
	body, err := credential.Encode(all)
	if err != nil || !strings.Contains(string(body), "PRIVATE KEY") {
		t.Fatalf("the document is %s, %v", body, err)
	}
	decoded, err := credential.Decode("credentials.json", body)
	if err != nil {
		t.Fatal(err)
	}
	password := all.Reveal()[manifest.DatabasePassword].(string)
	for name, value := range map[string]any{"generated": all, "decoded": decoded, "input": manifest.Input{Credentials: all}} {
		texts := []string{fmt.Sprintf("%v %+v %#v", value, value, value)}
		for _, encode := range []func(any) ([]byte, error){json.Marshal, yaml.Marshal} {
			if text, err := encode(value); err == nil {
				texts = append(texts, string(text))
			}
		}
		for _, text := range texts {
			if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, password) {
				t.Errorf("%s shows %.200s", name, text)
			}
		}
	}
}
