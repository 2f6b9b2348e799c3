package testkit

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// What generates credentials, and where it says how long an RSA key is.
const (
	ownKeys     = "pkg/credential/key.go"
	library     = "github.com/cloudfoundry/config-server"
	libraryKeys = "types/certificate_generator.go"
)

// ShortKeys gives the arguments of "go build" with which a program generates credentials
// with RSA keys of 1,024 bits, where what ships makes 3,072: twenty of those take longer
// than all else that an installation computes. What the build needs is written to dir.
func ShortKeys(dir string) (args []string, err error) {
	root, err := list("{{.Module.Dir}}", "github.com/perpetual-ci/perpetual/pkg/credential")
	if err != nil {
		return nil, err
	}
	// The library becomes a copy of itself, and our file another one: go replaces no file
	// of a module's cache.
	source, err := list("{{.Module.Dir}}", library+"/types")
	if err != nil {
		return nil, err
	}
	copied := filepath.Join(dir, "library")
	if err := os.CopyFS(copied, os.DirFS(source)); err != nil {
		return nil, err
	}
	if err := replace(filepath.Join(source, libraryKeys), filepath.Join(copied, libraryKeys), "GenerateKey(rand.Reader, 3072)", "GenerateKey(rand.Reader, 1024)"); err != nil {
		return nil, err
	}
	own := filepath.Join(dir, "key.go")
	if err := replace(filepath.Join(root, ownKeys), own, "const keyBits = 3072\n", "const keyBits = 1024\n"); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, ownKeys): own}})
	if err != nil {
		return nil, err
	}
	module, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return nil, err
	}
	for name, text := range map[string][]byte{
		"overlay.json": overlay,
		"short.mod":    fmt.Appendf(module, "\nreplace %s => %q\n", library, copied),
		"short.sum":    sums,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	// Without paths in what is built, the next run finds it in the cache.
	return []string{"-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-modfile", filepath.Join(dir, "short.mod")}, nil
}

// list asks go about a package, and has it fetched where it is not there yet.
func list(format, name string) (string, error) {
	command := exec.Command("go", "list", "-f", format, name)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("ask go about %s: %w", name, err)
	}
	found := strings.TrimSpace(string(out))
	if found == "" {
		return "", fmt.Errorf("ask go about %s: it is in no folder", name)
	}
	return found, nil
}

// replace writes a file with another text in place of the one that it must have once.
func replace(from, to, old, text string) error {
	body, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if strings.Count(string(body), old) != 1 {
		return fmt.Errorf("shorten the keys of %s: want %q in it once", from, old)
	}
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(to, []byte(strings.Replace(string(body), old, text, 1)), 0o600)
}
