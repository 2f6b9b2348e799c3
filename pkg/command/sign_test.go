package command_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/command/step"
	"github.com/perpetual-ci/perpetual/pkg/signature"
)

// keyFile writes a private key as openssl does.
func keyFile(t *testing.T, dir, letter string) (path string, key ed25519.PrivateKey) {
	t.Helper()
	key = ed25519.NewKeyFromSeed(bytes.Repeat([]byte(letter), ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, letter+".pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, key
}

// signIn runs sign in a directory of its own.
func signIn(t *testing.T, dir string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(dir)
	var out, log bytes.Buffer
	code = command.Main(t.Context(), append([]string{"perpetual", "sign"}, args...), step.Verbs(), command.Streams{
		In: strings.NewReader(""), Out: &out, Err: &log, Env: func(string) string { return "" },
	})
	return code, out.String(), log.String()
}

func TestSign_writesAStatementThatARunningVersionTakes(t *testing.T) {
	dir := t.TempDir()
	one, key := keyFile(t, dir, "a")
	two, next := keyFile(t, dir, "b")
	file := filepath.Join(dir, "perpetual-linux-amd64")
	if err := os.WriteFile(file, []byte("program"), 0o600); err != nil {
		t.Fatal(err)
	}
	images := map[string]string{"resource": "sha256:" + strings.Repeat("0a", 32), "installer": "sha256:" + strings.Repeat("0b", 32)}
	code, stdout, stderr := signIn(t, dir, "--key", one, "--key", two, "--version", "1.3.0",
		"--image", "resource="+images["resource"], "--image", "installer="+images["installer"], file)
	if code != 0 || stdout != "perpetual-1.3.0.signed.json\n" {
		t.Fatalf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, strings.TrimSpace(stdout)))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("program"))
	for _, signer := range []ed25519.PrivateKey{key, next} {
		public := signer.Public().(ed25519.PublicKey)
		got, err := signature.Keys{public}.Open(text, "1.3.0")
		if err != nil {
			t.Fatal(err)
		}
		files := map[string]string{"perpetual-linux-amd64": "sha256:" + hex.EncodeToString(sum[:])}
		if diff := cmp.Diff(images, got.Images) + cmp.Diff(files, got.Files); diff != "" {
			t.Errorf("statement (-want +got):\n%s", diff)
		}
		line, _ := signature.Line(public)
		if !strings.Contains(stderr, line) {
			t.Errorf("stderr = %q, want the public key %s in it", stderr, line)
		}
	}
}

func TestSign_refusesWhatIsMissingOrWrong(t *testing.T) {
	dir := t.TempDir()
	key, _ := keyFile(t, dir, "a")
	digest := "sha256:" + strings.Repeat("0a", 32)
	whole := []string{"--key", key, "--version", "1.3.0", "--image", "resource=" + digest, "--image", "installer=" + digest}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"nothing":               {nil, "--version"},
		"no key":                {whole[2:], "--key"},
		"a key that is missing": {append([]string{"--key", "nowhere.pem"}, whole...), "nowhere.pem"},
		"a public key":          {append([]string{"--key", "sign_test.go"}, whole...), "sign_test.go"},
		"a tag for a version":   {append(whole, "--version", "v1.3.0"), `"v1.3.0"`},
		"one image":             {whole[:6], "image installer"},
		"an unknown image":      {append(whole, "--image", "web="+digest), "resource=sha256"},
		"a tag for a digest":    {append(whole, "--image", "resource=1.3.0"), "64 hexadecimal digits"},
		"a file that is not":    {append(whole, "nowhere"), "nowhere"},
		"two files of a name":   {append(whole, key, key), "a.pem"},
		"an unknown flag":       {append(whole, "--sign"), "-sign"},
	} {
		t.Run(name, func(t *testing.T) {
			into := t.TempDir()
			code, stdout, stderr := signIn(t, into, c.args...)
			if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q, want 1 and one line with %q", code, stdout, stderr, c.want)
			}
			if left, _ := os.ReadDir(into); len(left) > 0 {
				t.Errorf("%s was written", left[0].Name())
			}
		})
	}
}
