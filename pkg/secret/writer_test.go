package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

func TestWriter_masksEveryFormOverRandomSplits(t *testing.T) {
	const password = `p"a/s+s w&ö<rd>=%`
	const key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA0123456789\nabcdefghijklmnopqrstuvwxyz\n-----END KEY-----"
	quoted, _ := json.Marshal(password)
	plain := []string{
		password,
		string(quoted),
		url.QueryEscape(password),
		url.PathEscape(password),
		base64.StdEncoding.EncodeToString([]byte(password)),
		base64.StdEncoding.EncodeToString([]byte("x:" + password)),
		base64.StdEncoding.EncodeToString([]byte("user:" + password + "tail")),
		base64.URLEncoding.EncodeToString([]byte("u:" + password)),
		key,
		"MIIEpAIBAAKCAQEA0123456789",
	}
	text := "start " + strings.Join(plain, " between ") + " end"

	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 200 {
		var out bytes.Buffer
		w := secret.NewWriter(&out, secret.New(password), secret.New(key))
		for rest := []byte(text); len(rest) > 0; {
			n := 1 + rng.IntN(min(len(rest), 40))
			if got, err := w.Write(rest[:n]); err != nil || got != n {
				t.Fatalf("Write = %d, %v", got, err)
			}
			rest = rest[n:]
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{password, "MIIEpAIB", url.QueryEscape(password), base64.StdEncoding.EncodeToString([]byte(password))[:20]} {
			if strings.Contains(out.String(), p) {
				t.Fatalf("round %d: %q is visible in %q", round, p, out.String())
			}
		}
		if !strings.HasPrefix(out.String(), "start ") || !strings.HasSuffix(out.String(), " end") {
			t.Fatalf("round %d: other text was lost: %q", round, out.String())
		}
	}
}

func TestWriter_leavesOtherTextAlone(t *testing.T) {
	var out bytes.Buffer
	w := secret.NewWriter(&out, secret.New("abc"), secret.New("password"))
	_, _ = w.Write([]byte("abc passwort pass"))
	if got := out.String(); got != "abc passwort " {
		t.Errorf("before Flush: %q", got)
	}
	_ = w.Flush()
	if got := out.String(); got != "abc passwort pass" {
		t.Errorf("after Flush: %q", got)
	}
}

// A token is sent without the line break of the file that it came from, and so comes back.
func TestWriter_masksASecretWithoutTheSpaceAroundIt(t *testing.T) {
	var out bytes.Buffer
	w := secret.NewWriter(&out, secret.New(" hunter2hunter22\r\n"))
	_, _ = io.WriteString(w, "Bearer hunter2hunter22, "+base64.StdEncoding.EncodeToString([]byte("hunter2hunter22")))
	_ = w.Flush()
	if got := out.String(); got != "Bearer "+secret.Redacted+", "+secret.Redacted {
		t.Error(got)
	}
}
