package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const canary = "s3cr3t-canary"

func TestValue_redactsInEveryFormat(t *testing.T) {
	holder := struct {
		Password secret.Value
		Pointer  *secret.Value
		List     []secret.Value
	}{Password: secret.New(canary), List: []secret.Value{secret.New(canary)}}
	p := secret.New(canary)
	holder.Pointer = &p

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&out, verb+"\n", holder.Password)
		fmt.Fprintf(&out, verb+"\n", holder)
	}
	fmt.Fprintln(&out, holder.Pointer, holder.Password.String())
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	out.Write(asYAML)
	slog.New(slog.NewTextHandler(&out, nil)).Info("log", "password", holder.Password)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("log", "holder", holder)

	hexed := fmt.Sprintf("%x", canary)
	if strings.Contains(out.String(), canary) || strings.Contains(strings.ToLower(out.String()), hexed) {
		t.Errorf("the secret is visible in:\n%s", out.String())
	}
}

func TestValue_decodes(t *testing.T) {
	var holder struct{ Password secret.Value }
	if err := json.Unmarshal([]byte(`{"Password":"`+canary+`"}`), &holder); err != nil {
		t.Fatal(err)
	}
	if got := holder.Password.Reveal(); got != canary {
		t.Errorf("Reveal() = %q, want %q", got, canary)
	}
	if holder.Password.Empty() || !(secret.Value{}).Empty() {
		t.Error("Empty() is wrong")
	}
}

// fmt asks no method of what is in an unexported field.
func TestValue_redactsWhereNobodyAsksIt(t *testing.T) {
	holder := struct {
		password secret.Value
		deeper   struct{ list []secret.Value }
	}{password: secret.New(canary)}
	holder.deeper.list = []secret.Value{secret.New(canary)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, value := range []any{holder, &holder, holder.deeper, []any{holder}} {
			text := fmt.Sprintf(verb, value)
			if strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
}

func TestValue_isEqualToOneWithTheSameText(t *testing.T) {
	if secret.New(canary) != secret.New(strings.Clone(canary)) || secret.New(canary) == secret.New("other") || secret.New("") != (secret.Value{}) || !secret.New("").Empty() {
		t.Error("values do not compare as their texts do")
	}
}
