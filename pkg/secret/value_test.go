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

// Credentials by their names print as nothing, however deep they are, and alone or in what
// holds them; only Reveal gives them.
func TestValues_neverShowWhatIsInThem(t *testing.T) {
	const canary = "canary-of-the-values"
	v := secret.Values{"password": canary, "tls": map[string]any{"private_key": canary, "list": []any{canary}}}
	type holder struct {
		Name   string
		Values secret.Values `json:"values" yaml:"values"`
	}
	whole := holder{"ci", v}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, arg := range []any{v, &v, whole, &whole, []secret.Values{v}, map[string]secret.Values{"a": v}} {
			if text := fmt.Sprintf(verb, arg); strings.Contains(text, canary) || strings.Contains(text, fmt.Sprintf("%x", canary)) {
				t.Errorf("%s of %T shows %s", verb, arg, text)
			}
		}
	}
	for name, encode := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal} {
		for _, arg := range []any{v, whole} {
			if text, err := encode(arg); err != nil || strings.Contains(string(text), canary) {
				t.Errorf("%s of %T shows %s, %v", name, arg, text, err)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "values", v, "whole", whole)
	if strings.Contains(log.String(), canary) || strings.Contains(v.String(), canary) {
		t.Errorf("the log shows %s", log.String())
	}
	var back secret.Values
	if err := json.Unmarshal([]byte(`{"password": "x"}`), &back); err != nil || back.Reveal()["password"] != "x" {
		t.Errorf("read from JSON: %v, %v", back.Reveal(), err)
	}
}

func TestValues_giveTextsAndFields(t *testing.T) {
	v := secret.Values{"password": "p", "tls": map[string]any{"certificate": "c", "list": []any{"x"}}, "port": 8}
	for _, c := range []struct{ name, field, want string }{
		{"password", "", "p"}, {"tls", "certificate", "c"}, {"tls", "list", ""}, {"tls", "private_key", ""}, {"tls", "", ""},
		{"password", "certificate", ""}, {"port", "", ""}, {"gone", "", ""}, {"gone", "x", ""},
	} {
		if got := v.RevealText(c.name, c.field); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.name, c.field, got, c.want)
		}
	}
	if got := secret.Values(nil).RevealText("password", ""); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}
