package credential_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

func TestEncode_isReadBackTheSame(t *testing.T) {
	for name, all := range map[string]object{"generated": made(t), "empty": {}, "the user's": {"list": []any{"a", object{"b": "c"}}, "number": 7.0}} {
		t.Run(name, func(t *testing.T) {
			text, err := credential.Encode(all)
			if err != nil {
				t.Fatal(err)
			}
			again, err := credential.Encode(all)
			if err != nil || string(again) != string(text) {
				t.Errorf("encoded again it is another text, error %v", err)
			}
			got, err := credential.Decode("credentials.json", text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(all, got.Reveal()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	// What was read back is kept as what was generated.
	text, err := credential.Encode(made(t))
	if err != nil {
		t.Fatal(err)
	}
	read, err := credential.Decode("credentials.json", text)
	if err != nil {
		t.Fatal(err)
	}
	if _, added := generate(t, section, read, credential.Options{}); len(added) != 0 {
		t.Errorf("made again after a round through the store: %v", added)
	}
}

func TestDecode_refusesWhatItDoesNotKnow(t *testing.T) {
	for text, want := range map[string]string{
		`{"schema": 1, "values": {"a": "canary"}, "more": 1}`: "damaged",
		`{"values": {}}`:                  "no schema number",
		`{"schema": 1}`:                   "has no values",
		`{"schema": 1, "values": "canary`: "damaged",
		`{"schema": 9, "values": {}}`:     "newer Perpetual",
	} {
		_, err := credential.Decode("credentials.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "credentials.json") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: error %v, want one with %q", text, err, want)
		}
		if newer := new(state.NewerError); errors.As(err, &newer) != (want == "newer Perpetual") {
			t.Errorf("%s: errors.As(%v, *state.NewerError) is wrong", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"schema": 1, "values": {"a": "b", "c": {"certificate": "x", "private_key": "y"}}}`))
	f.Add([]byte(`{"schema": 2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := credential.Decode("credentials.json", body)
		if err != nil {
			return
		}
		credential.Secrets(all)
		credential.Expiries(all, time.Now())
		text, err := credential.Encode(all)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := credential.Decode("credentials.json", text); err != nil || !cmp.Equal(all, again) {
			t.Fatalf("read back as something else, error %v", err)
		}
	})
}

func FuzzVariables(f *testing.F) {
	f.Add(section)
	f.Add("variables: [{name: a, type: password, options: {length: -1}}]")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := credential.Variables([]byte(text))
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("the error has more than one line: %q", err)
		}
		for _, v := range list {
			if v.Name == "" || v.Type == "" {
				t.Errorf("a variable without name or type: %+v", v)
			}
		}
	})
}

func TestSecrets_areAllThatNobodyMaySee(t *testing.T) {
	all := made(t)
	all["users"] = []any{"a:secret-of-a"}
	all["certificate"] = "a password under a free name"
	all["given"] = "-----BEGIN CERTIFICATE-----\nxyz\n-----END CERTIFICATE-----\n"
	seen := map[string]bool{}
	for _, s := range credential.Secrets(all) {
		seen[s.Reveal()] = true
	}
	for _, name := range []string{"ca", "server_tls", "client_tls", "host_key", "signing_key"} {
		fields, _ := all[name].(object)
		for key, value := range fields {
			if want := key == "private_key"; seen[value.(string)] != want {
				t.Errorf("%s of %s is among the secrets: %v", key, name, !want)
			}
		}
	}
	for name, want := range map[string]bool{"password": true, "short": true, "certificate": true, "given": false} {
		if seen[all[name].(string)] != want {
			t.Errorf("%s is among the secrets: %v", name, !want)
		}
	}
	if !seen["a:secret-of-a"] {
		t.Error("the item of a list is not among the secrets")
	}
	var out strings.Builder
	w := secret.NewWriter(&out, credential.Secrets(all)...)
	_, _ = w.Write([]byte("password is " + all["password"].(string) + "\n"))
	if err := w.Flush(); err != nil || strings.Contains(out.String(), all["password"].(string)) {
		t.Errorf("the masking writer lets it through: %q, error %v", out.String(), err)
	}
}

func TestExpiries_listWhatEndsFirst(t *testing.T) {
	all := made(t)
	all["given"] = all["server_tls"].(object)["certificate"]
	all["broken"] = object{"certificate": "x", "private_key": "y"}
	ends := certificate(t, all, "server_tls").NotAfter
	for days, now := range map[int]time.Time{
		10: ends.AddDate(0, 0, -10), 0: ends.Add(-time.Minute), -1: ends.Add(time.Minute),
	} {
		list := credential.Expiries(all, now)
		if len(list) != 4 || list[3].Name != "ca" || !list[3].CA {
			t.Fatalf("got %+v, want four, the CA last", list)
		}
		for _, e := range list[:3] {
			if e.CA {
				t.Errorf("%s is a CA", e.Name)
			}
			if e.Name == "server_tls" && (e.DaysLeft != days || !e.NotAfter.Equal(ends)) {
				t.Errorf("%d days left at %s, want %d", e.DaysLeft, now, days)
			}
		}
	}
}
