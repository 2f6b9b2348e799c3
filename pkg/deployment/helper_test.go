package deployment_test

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

type vars = map[string]any

func parsed(t testing.TB, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	return value
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has more than one line: %q", err)
	}
}
