package signature_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/signature"
)

var (
	digestA = "sha256:" + strings.Repeat("0a", 32)
	digestB = "sha256:" + strings.Repeat("0b", 32)
	made    = time.Date(2026, 11, 29, 6, 16, 10, 0, time.UTC)
)

// key is a private key that is always the same for a letter.
func key(letter string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte(letter), ed25519.SeedSize))
}

// trusting are keys that count.
func trusting(letters ...string) (keys signature.Keys) {
	for _, letter := range letters {
		keys = append(keys, key(letter).Public().(ed25519.PublicKey))
	}
	return keys
}

func statement(version string) signature.Statement {
	return signature.Statement{
		Version: version, Made: made,
		Images: map[string]string{signature.Resource: digestA, signature.Installer: digestB},
		Files:  map[string]string{"perpetual-linux-amd64": digestA},
	}
}

func sign(t *testing.T, s signature.Statement, letters ...string) []byte {
	t.Helper()
	var keys []ed25519.PrivateKey
	for _, letter := range letters {
		keys = append(keys, key(letter))
	}
	text, err := signature.Sign(s, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestOpen_takesWhatATrustedKeyHasSigned(t *testing.T) {
	for name, c := range map[string]struct{ signers, trusted string }{
		"the key in use":                       {"a", "ab"},
		"the next key":                         {"b", "ab"},
		"both, for versions that know one":     {"ab", "b"},
		"a retired one and the one after that": {"xb", "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			text := sign(t, statement("1.3.0"), strings.Split(c.signers, "")...)
			got, err := trusting(strings.Split(c.trusted, "")...).Open(text, "1.3.0")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(statement("1.3.0"), got); diff != "" {
				t.Errorf("statement (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOpen_refusesWithWhatIsWantedAndWhatIsThere(t *testing.T) {
	good := sign(t, statement("1.3.0"), "a")
	alter := func(change func(map[string]any)) []byte {
		var e map[string]any
		if err := json.Unmarshal(good, &e); err != nil {
			t.Fatal(err)
		}
		change(e)
		text, _ := json.Marshal(e)
		return text
	}
	payload := base64.StdEncoding.EncodeToString([]byte(`{"version":"1.3.0","made":"2026-11-29T06:16:10Z","images":{"resource":"` + digestB + `","installer":"` + digestB + `"}}`))
	id := signature.ID(trusting("a")[0])
	for name, c := range map[string]struct {
		text []byte
		want error
		says []string
	}{
		"a retired key":            {sign(t, statement("1.3.0"), "x"), signature.ErrUntrusted, []string{id, signature.ID(trusting("x")[0])}},
		"other digests":            {alter(func(e map[string]any) { e["payload"] = payload }), signature.ErrUntrusted, []string{id + ", which does not fit"}},
		"no signature":             {alter(func(e map[string]any) { e["signatures"] = []any{} }), signature.ErrUntrusted, []string{id, "none"}},
		"another purpose":          {alter(func(e map[string]any) { e["payloadType"] = "application/vnd.in-toto+json" }), nil, []string{"in-toto", "vnd.perpetual-ci.release.v1"}},
		"an older statement":       {sign(t, statement("1.2.0"), "a"), signature.ErrVersion, []string{"1.3.0", `"1.2.0"`}},
		"a newer statement":        {sign(t, statement("1.10.0"), "a"), signature.ErrVersion, []string{"1.3.0", `"1.10.0"`}},
		"a short signature":        {alter(func(e map[string]any) { e["signatures"] = []any{map[string]any{"keyid": id, "sig": "AAAA"}} }), signature.ErrUntrusted, []string{id}},
		"hundreds of signatures":   {alter(func(e map[string]any) { e["signatures"] = make([]map[string]any, 300) }), nil, []string{"300", "8"}},
		"what is not JSON":         {[]byte("<html>"), nil, []string{"not JSON"}},
		"nothing":                  {nil, nil, []string{"not JSON"}},
		"more than the most bytes": {bytes.Repeat([]byte(" "), signature.MaxSize+1), nil, []string{"262144"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := trusting("a").Open(c.text, "1.3.0")
			if err == nil {
				t.Fatal("it was taken")
			}
			if c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error = %v, want one that is %v", err, c.want)
			}
			for _, part := range c.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error = %q, want %q in it", err, part)
				}
			}
		})
	}
}

// TestOpen_isOverTheDomainToo signs the payload alone, as a program does that knows
// nothing of the envelope.
func TestOpen_isOverTheDomainToo(t *testing.T) {
	var e map[string]any
	if err := json.Unmarshal(sign(t, statement("1.3.0"), "a"), &e); err != nil {
		t.Fatal(err)
	}
	payload, _ := base64.StdEncoding.DecodeString(e["payload"].(string))
	e["signatures"] = []any{map[string]any{"sig": ed25519.Sign(key("a"), payload)}}
	text, _ := json.Marshal(e)
	if _, err := trusting("a").Open(text, "1.3.0"); !errors.Is(err, signature.ErrUntrusted) {
		t.Errorf("error = %v, want %v", err, signature.ErrUntrusted)
	}
}

func TestSign_refusesWhatOpenWouldNotTake(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*signature.Statement)
		want   string
	}{
		"no version":             {func(s *signature.Statement) { s.Version = "" }, "no version"},
		"no time":                {func(s *signature.Statement) { s.Made = time.Time{} }, "when it was made"},
		"no installer":           {func(s *signature.Statement) { delete(s.Images, signature.Installer) }, "image installer"},
		"a short digest":         {func(s *signature.Statement) { s.Images[signature.Resource] = "sha256:0a0a" }, "digest of resource"},
		"another hash":           {func(s *signature.Statement) { s.Images[signature.Resource] = "sha1:" + strings.Repeat("0a", 32) }, "digest of resource"},
		"a digest in upper case": {func(s *signature.Statement) { s.Files["f"] = strings.ToUpper(digestA) }, "digest of f"},
		"a path":                 {func(s *signature.Statement) { s.Files["../f"] = digestA }, "not the name"},
	} {
		t.Run(name, func(t *testing.T) {
			s := statement("1.3.0")
			c.change(&s)
			if _, err := signature.Sign(s, key("a")); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error = %v, want %q in it", err, c.want)
			}
		})
	}
	if _, err := signature.Sign(statement("1.3.0")); err == nil {
		t.Error("it was signed without a key")
	}
}

func TestTrusted_hasTwoKeysForRotation(t *testing.T) {
	keys, err := signature.Trusted(nil)
	if err != nil || len(keys) != 2 || keys[0].Equal(keys[1]) {
		t.Fatalf("keys = %v, error = %v, want two different ones", keys, err)
	}
	if own, err := signature.Trusted([]string{line(t, "a")}); err != nil || len(own) != 1 || !own[0].Equal(trusting("a")[0]) {
		t.Errorf("keys = %v, error = %v, want the given one instead", own, err)
	}
}

func line(t *testing.T, letter string) string {
	t.Helper()
	text, err := signature.Line(trusting(letter)[0])
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestParseKey_readsWhatOpensslWrites(t *testing.T) {
	one := line(t, "a")
	for name, text := range map[string]string{
		"the line":        one,
		"with line break": one + "\n",
		"PEM":             "-----BEGIN PUBLIC KEY-----\n" + one + "\n-----END PUBLIC KEY-----\n",
	} {
		if got, err := signature.ParseKey(text); err != nil || !got.Equal(trusting("a")[0]) {
			t.Errorf("%s: key = %v, error = %v", name, got, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "half of it": one[:30], "a private key": string(private(t, "a")), "another kind": "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE",
	} {
		if _, err := signature.ParseKey(text); err == nil || !strings.Contains(err.Error(), "openssl pkey -pubout") {
			t.Errorf("%s: error = %v, want how to make one", name, err)
		}
	}
}

func private(t *testing.T, letter string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key(letter))
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func TestParsePrivateKey_saysNothingOfIt(t *testing.T) {
	text := private(t, "a")
	if got, err := signature.ParsePrivateKey(text); err != nil || !got.Equal(key("a")) {
		t.Errorf("key = %v, error = %v", got, err)
	}
	broken := bytes.Replace(text, []byte("MC4C"), []byte("MC4D"), 1)
	if _, err := signature.ParsePrivateKey(broken); err == nil || strings.Contains(err.Error(), string(broken[30:40])) {
		t.Errorf("error = %v, want one without the key", err)
	}
}

// FuzzOpen feeds the decoder. What is taken was signed, and signs to the same again.
func FuzzOpen(f *testing.F) {
	good, err := signature.Sign(statement("1.3.0"), key("a"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"payloadType":"application/vnd.perpetual-ci.release.v1+json","payload":"e30=","signatures":[{"keyid":"","sig":""}]}`))
	f.Add([]byte(`{"signatures":null}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := trusting("a").Open(text, "1.3.0")
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r\x1b") {
				t.Errorf("the error is not one clean line: %q", err)
			}
			return
		}
		if diff := cmp.Diff(statement("1.3.0"), got); diff != "" {
			t.Errorf("a statement was taken that nobody has signed (-want +got):\n%s", diff)
		}
	})
}
