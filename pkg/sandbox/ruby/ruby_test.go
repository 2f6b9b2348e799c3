package ruby_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/ruby"
)

func TestPath_givesARubyThatRendersTemplates(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	dir, err := ruby.Path(ctx)
	if err != nil {
		if _, missing := os.Stat("/etc/debian_version"); missing != nil {
			t.Skip("no ruby here, and none can be fetched as this is not Debian: ", err)
		}
		t.Fatal(err)
	}
	out, err := exec.Command(filepath.Join(dir, "ruby"), "-rerb", "-ryaml", "-rjson", "-e",
		`print ERB.new("<%= YAML.load('a: 7')['a'] %>-<%= {'b' => 1}.to_json %>").result`).CombinedOutput()
	if err != nil || string(out) != `7-{"b":1}` {
		t.Fatalf("ruby gives %q, %v", out, err)
	}
}

// A directory that looks like Debian's tools but has none of them, and an empty
// cache: one line says what to install.
func TestPath_saysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	_, err := ruby.Path(t.Context())
	if !errors.Is(err, ruby.ErrNone) || !strings.Contains(err.Error(), "apt-get install ruby") || strings.Contains(err.Error(), "\n") {
		t.Fatalf("error %v, want one line that says what to install", err)
	}
}

// unpacked gives the cached interpreter's directory, and makes sh the only program in PATH.
func unpacked(t *testing.T) string {
	t.Helper()
	if _, err := ruby.Path(t.Context()); err != nil {
		t.Skip("there is no ruby to look at: ", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "perpetual", "ruby")
	if _, err := os.Stat(filepath.Join(dir, "root")); err != nil {
		t.Skip("this machine has a ruby of its own: nothing was cached")
	}
	tools := t.TempDir()
	if err := os.Symlink("/bin/sh", filepath.Join(tools, "sh")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", tools)
	return dir
}

// What is in the cache is used without the network and without apt.
func TestPath_usesTheCacheOffline(t *testing.T) {
	cached := filepath.Join(unpacked(t), "bin")
	dir, err := ruby.Path(t.Context())
	if err != nil || dir != cached {
		t.Fatalf("Path() = %q, %v, want the cached one", dir, err)
	}
}

// So is what was unpacked with another wrapper, which gets ours: it loads no gems.
func TestPath_replacesAnotherWrapper(t *testing.T) {
	root, cache := filepath.Join(unpacked(t), "root"), t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	bin := filepath.Join(cache, "perpetual", "ruby", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(root, filepath.Join(filepath.Dir(bin), "root")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "ruby"), []byte("#!/bin/sh\nprintf 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := ruby.Path(t.Context())
	if err != nil || dir != bin {
		t.Fatalf("Path() = %q, %v, want %s", dir, err, bin)
	}
	out, err := exec.Command(filepath.Join(dir, "ruby"), "-rrubygems", "-ryaml", "-e", "print defined?(Gem).inspect, YAML.load('[7]')").CombinedOutput()
	if err != nil || string(out) != "nil[7]" {
		t.Errorf("it prints %q, %v", out, err)
	}
}
