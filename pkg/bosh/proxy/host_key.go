package proxy

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// anyHostKey is what users write who do without a check of the jumpbox's key.
const anyHostKey = "any"

// checkHostKey looks at the fingerprint that is given for the jumpbox's key. No key is
// taken by default: the director behind the jumpbox proves itself by its certificate,
// but somebody who poses as the jumpbox is on the way to it, and decides what is reached.
func checkHostKey(fingerprint, host, port string) error {
	switch {
	case fingerprint == "":
		where := host
		if port != "22" {
			where = "-p " + port + " " + host
		}
		return fmt.Errorf("proxy_host_key is missing, without which anybody on the way can pose as the SSH server: give a fingerprint that `ssh-keyscan %s | ssh-keygen -lf -` prints, as SHA256:…, or any to take every key", where)
	case fingerprint == anyHostKey:
		return nil
	case !strings.HasPrefix(fingerprint, "SHA256:"):
		return errors.New("the host key is not a fingerprint as ssh-keygen -l prints it, SHA256:…, nor any, which takes every key")
	}
	return nil
}

// hostKeyAlgorithms are those of plain keys: a fingerprint is that of a key, not of a
// certificate about it.
func hostKeyAlgorithms() []string {
	return slices.DeleteFunc(ssh.SupportedAlgorithms().HostKeys, func(algorithm string) bool {
		return strings.Contains(algorithm, "-cert-")
	})
}

// withoutKey are the algorithms that another key than the given one has.
func withoutKey(algorithms []string, key ssh.PublicKey) []string {
	return slices.DeleteFunc(algorithms, func(algorithm string) bool {
		switch algorithm {
		case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
			return key.Type() == ssh.KeyAlgoRSA
		}
		return algorithm == key.Type()
	})
}

// HostKeyError says which keys a jumpbox has in place of the given one.
type HostKeyError struct {
	has   []ssh.PublicKey
	given string // "SHA256:…"
}

// Error implements error.
func (e *HostKeyError) Error() string {
	list := make([]string, len(e.has))
	for n, key := range e.has {
		list[n] = ssh.FingerprintSHA256(key)
	}
	what := "host key "
	if len(list) > 1 {
		what = "host keys "
	}
	return fmt.Sprintf("it has %s%s, not the given %s; its keys were replaced, or somebody poses as it", what, strings.Join(list, ", "), e.given)
}
