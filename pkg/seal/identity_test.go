package seal_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

func TestIdentity_isKeptInAFileThatAgeReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ci.operator-key")
	made := newIdentity(t)
	if err := seal.WriteIdentity(path, made, "operator's key of ci"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v", info.Mode(), err)
	}
	read, err := seal.ReadIdentity(path)
	if err != nil || read.Public().String() != made.Public().String() || read.Recipient() != made.Recipient() {
		t.Errorf("it reads %v, %v", read, err)
	}
	if got := read.Origin().String(); got != "made on ada-laptop on 2026-11-29" {
		t.Errorf("it was %s", got)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := age.ParseIdentities(strings.NewReader(string(text))); err != nil || len(list) != 1 {
		t.Errorf("age reads %d identities, %v", len(list), err)
	}
	alone, err := seal.ParseIdentity(made.Reveal().Reveal())
	if err != nil || alone.Recipient() != made.Recipient() || !seal.IsIdentity(" "+made.Reveal().Reveal()) || seal.IsIdentity(path) {
		t.Errorf("the identity alone gives %v, %v", alone, err)
	}
	if err := seal.WriteIdentity(path, newIdentity(t), "another"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("writing over it gives %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(text) {
		t.Errorf("the file has changed: %v", err)
	}
}

func TestIdentity_signsAndReadsWithKeysOfItsOwn(t *testing.T) {
	one, other := newIdentity(t), newIdentity(t)
	if one.Public().ID() == other.Public().ID() || one.Recipient() == other.Recipient() {
		t.Error("two keys are the same")
	}
}

func TestReadIdentity_refuses(t *testing.T) {
	good := newIdentity(t).Reveal().Reveal()
	for name, c := range map[string]struct {
		text string
		mode fs.FileMode
		says string
	}{
		"open to others": {good, 0o644, "chmod 600"},
		"empty":          {"# nothing\n", 0o600, "no line AGE-SECRET-KEY-1"},
		"damaged":        {good[:len(good)-1] + "0\n", 0o600, "is damaged"},
		"two":            {good + "\n" + good + "\n", 0o600, "one line"},
		"something else": {"password: x\n", 0o600, "one line"},
		"large":          {strings.Repeat("#\n", 1<<16), 0o600, "not the file of a key"},
	} {
		path := filepath.Join(t.TempDir(), "key")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := seal.ReadIdentity(path)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), good[20:40]) {
			t.Errorf("%s: it gives %v", name, err)
		}
	}
	if _, err := seal.ReadIdentity(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a file it gives %v", err)
	}
}

func TestIdentity_isNotPrinted(t *testing.T) {
	i, err := seal.NewIdentity("a\nb\u202ec", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	private := i.Reveal().Reveal()
	for _, text := range []string{fmt.Sprint(i), fmt.Sprintf("%v %+v %#v %s", i, i, i, i), fmt.Sprint(&i)} {
		if strings.Contains(text, private[16:40]) {
			t.Errorf("it is printed: %s", text)
		}
	}
	if i.Origin().Host != "a-b-c" {
		t.Errorf("the host is %q", i.Origin().Host)
	}
}

func TestDecrypt_readsWhatIsForUs(t *testing.T) {
	ours, pipelines, other := newIdentity(t), newIdentity(t), newIdentity(t)
	text, err := seal.Encrypt([]byte("a secret"), ours.Recipient(), pipelines.Recipient())
	if err != nil || strings.Contains(text, "a secret") {
		t.Fatalf("it gives %q, %v", text, err)
	}
	for _, i := range []seal.Identity{ours, pipelines} {
		if plain, err := i.Decrypt(text); err != nil || string(plain) != "a secret" {
			t.Errorf("%v reads %q, %v", i, plain, err)
		}
	}
	for _, i := range []seal.Identity{other, {}} {
		if plain, err := i.Decrypt(text); !errors.Is(err, seal.ErrNotForUs) || plain != nil {
			t.Errorf("another reads %q, %v", plain, err)
		}
	}
	if _, err := seal.Encrypt(nil, "age1none"); err == nil {
		t.Error("a recipient that is none is taken")
	}
	for _, cut := range []int{0, 10, len(text) / 2, len(text) - 40} {
		if plain, err := ours.Decrypt(text[:cut]); err == nil {
			t.Errorf("cut at %d it reads %q", cut, plain)
		}
	}
}

func FuzzDecrypt(f *testing.F) {
	ours, err := seal.NewIdentity("host", time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	good, err := seal.Encrypt([]byte("plain"), ours.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add("-----BEGIN AGE ENCRYPTED FILE-----\n")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, err := ours.Decrypt(text); err == nil && string(plain) != "plain" {
			t.Logf("it reads %q", plain) // anybody may encrypt to us: that is what signatures are for
		}
	})
}

// The text of a key, alone, with the comments of its file or cut, is told from the name of
// a file, so that it is never shown as one.
func TestIsIdentity_tellsAKeyFromAFile(t *testing.T) {
	for text, want := range map[string]bool{
		"ci.operator-key": false, "/keys/age/ci": false, "": false,
		"AGE-SECRET-KEY-1X": true, " AGE-SECRET-KEY-1X\n": true, "# created: today\n# public key: age1x\nAGE-SECRET-KEY-1X\n": true,
		"# age-secret-key-1x": true, "AGE-SECRET-KEY-": true,
	} {
		if got := seal.IsIdentity(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// The zero value holds no key, and nothing of it can be used by mistake.
func TestIdentity_isEmptyWithoutAKey(t *testing.T) {
	var none seal.Identity
	if !none.Empty() || none.Recipient() != "" || !none.Reveal().Empty() || !none.Public().Empty() {
		t.Errorf("it is %v, %q", none, none.Recipient())
	}
	if _, err := seal.Encrypt([]byte("x"), none.Recipient()); err == nil {
		t.Error("something is encrypted to it")
	}
	if _, err := none.Sign(t.Context(), []byte("x")); err == nil {
		t.Error("it signs")
	}
	if _, err := none.Decrypt("x"); !errors.Is(err, seal.ErrNotForUs) {
		t.Errorf("it decrypts: %v", err)
	}
}
