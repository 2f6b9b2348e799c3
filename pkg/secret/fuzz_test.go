package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// FuzzWriter holds that no form of a secret passes, however the text around it is
// split over writes, and that text without secrets passes as it is.
func FuzzWriter(f *testing.F) {
	f.Add("hunter2-canary", "login with ", " failed", uint16(3))
	f.Add(`p"a/s+s w&ö<rd>=%`, "{", "}\n", uint16(1))
	f.Add("line one of a long key\nline two of a long key", "-----BEGIN-----\n", "", uint16(7))
	f.Add("aaaaaaaa", "aaa", "aaaa", uint16(2))
	f.Add("\xff\xfe\x00\x01tail", "\xff", "\xff\xfe", uint16(5))
	f.Fuzz(func(t *testing.T, text, before, after string, cut uint16) {
		if len(text) < 8 || len(text) > 1<<12 {
			t.Skip("too short to be told from other text, or too long to be one")
		}
		escaped, _ := json.Marshal(text)
		plain, _ := unescaped(text)
		shapes := []string{
			text, strings.Trim(string(escaped), `"`), plain, strings.Trim(strconv.Quote(text), `"`),
			url.QueryEscape(text), url.PathEscape(text), hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
			base64.StdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte("u:" + text)),
		}
		for _, shape := range shapes {
			whole := before + shape + after
			var out bytes.Buffer
			w := secret.NewWriter(&out, secret.New(text))
			at := int(cut) % (len(whole) + 1)
			for _, part := range []string{whole[:at], whole[at:]} {
				if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
					t.Fatalf("Write = %d, %v", n, err)
				}
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(out.String(), text) && !strings.Contains(secret.Redacted, text) {
				t.Errorf("%q shows %q", out.String(), text)
			}
			if shape == text && !strings.Contains(out.String(), secret.Redacted) {
				t.Errorf("%q hides nothing of %q", out.String(), whole)
			}
		}
		var out bytes.Buffer
		w := secret.NewWriter(&out)
		_, _ = w.Write([]byte(before + after))
		_ = w.Flush()
		if out.String() != before+after {
			t.Errorf("without any secret, %q became %q", before+after, out.String())
		}
	})
}

// unescaped is JSON as encoders write it that leave < > & alone.
func unescaped(text string) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(text)
	return strings.Trim(strings.TrimSpace(b.String()), `"`), err
}

// The forms that logs and errors give a secret are masked as a whole.
func TestWriter_masksWhatFormattersMakeOfASecret(t *testing.T) {
	const password = "p\"a<s>&s\tw\\ö-canary"
	plain, err := unescaped(password)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%q": strconv.Quote(password), "ASCII": strconv.QuoteToASCII(password), "JSON without HTML": plain,
		"hex": hex.EncodeToString([]byte(password)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(password))),
	} {
		var out bytes.Buffer
		w := secret.NewWriter(&out, secret.New(password))
		_, _ = w.Write([]byte("got " + strings.Trim(text, `"`) + " here"))
		_ = w.Flush()
		if want := "got " + secret.Redacted + " here"; out.String() != want {
			t.Errorf("%s: %q, want %q", name, out.String(), want)
		}
	}
}
