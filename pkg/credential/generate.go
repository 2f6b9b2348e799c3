package credential

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/cloudfoundry/config-server/types"

	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// How long certificates are good for, unless their options say it. A year, which
// is the generator's own default, ends installations that nobody looks at.
const (
	caDays   = 10 * 365
	leafDays = 2 * 365
)

// Options say how Generate goes about it. The zero value of a field is its default.
type Options struct {
	Now time.Time // default: the present
	// RenewBefore is how long before its end a certificate is generated again. Default:
	// only once it has ended. A CA is never made again by itself: what it signed
	// would be refused by those who still know the old one.
	RenewBefore time.Duration
	// Withheld gets the names of certificates that would have been made again, but whose
	// CA is there without its key, and how many whole days they have left. They stay as
	// they are. Without it this is an error.
	Withheld func(name string, daysLeft int)
}

// Generate makes what the variables want and have does not hold, and gives both
// together, and the names of what it made. What is there is kept, with one
// exception: a certificate that ends, that another CA signed than the one that is
// there now, or whose names are no longer the wanted ones, is generated again.
//
// It fails when a variable is not possible, or when what is kept under its name is
// of another type; no error holds a credential. have is not changed.
func Generate(ctx context.Context, variables []Variable, have secret.Values, o Options) (all secret.Values, added []string, err error) {
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	g := &generator{options: o, variables: map[string]Variable{}, all: secret.Values{}, state: map[string]progress{}}
	maps.Copy(g.all, have)
	for _, v := range variables {
		if err := v.check(); err != nil {
			return nil, nil, err
		}
		g.variables[v.Name] = v
	}
	for _, v := range variables {
		if err := g.settle(ctx, v); err != nil {
			return nil, nil, err
		}
	}
	return g.all, g.added, nil
}

type progress int

const (
	begun progress = iota + 1
	done
)

type generator struct {
	options   Options
	variables map[string]Variable
	all       secret.Values
	added     []string
	state     map[string]progress // by name; absent: not begun
}

// settle sees to one variable, and to the CA that signs it first.
func (g *generator) settle(ctx context.Context, v Variable) error {
	switch g.state[v.Name] {
	case done:
		return nil
	case begun:
		return fmt.Errorf("generate %s: it is signed by itself", v.Name)
	}
	g.state[v.Name] = begun
	if ca := v.text("ca"); v.Type == TypeCertificate && ca != "" {
		signer, wanted := g.variables[ca]
		if _, there := g.all[ca]; !wanted && !there {
			return fmt.Errorf("generate %s: there is no certificate %s to sign it", v.Name, ca)
		}
		if wanted {
			if err := g.settle(ctx, signer); err != nil {
				return err
			}
		}
	}
	keep, err := g.keeps(v)
	if err != nil {
		return err
	}
	if !keep && !g.stays(v) {
		if err := g.make(ctx, v); err != nil {
			return err
		}
	}
	g.state[v.Name] = done
	return nil
}

// make makes the value of one variable.
func (g *generator) make(ctx context.Context, v Variable) error {
	if err := ctx.Err(); err != nil { // a key takes a second or so
		return fmt.Errorf("generate %s: %w", v.Name, context.Cause(ctx))
	}
	value, err := g.value(v)
	if err != nil {
		return fmt.Errorf("generate %s: %w", v.Name, err)
	}
	g.all[v.Name] = value
	g.added = append(g.added, v.Name)
	return nil
}

// value is a new value of one variable.
func (g *generator) value(v Variable) (any, error) {
	if v.Type == TypeRSA || v.Type == TypeSSH {
		return makeKey(v.Type)
	}
	maker, err := types.NewValueGeneratorConcrete(g).GetGenerator(v.Type)
	if err != nil {
		return nil, err
	}
	value, err := maker.Generate(g.optionsOf(v))
	if err != nil {
		return nil, err
	}
	return plainValue(value)
}

// optionsOf are the variable's options, with the duration of a certificate.
func (g *generator) optionsOf(v Variable) any {
	if v.Type != TypeCertificate {
		if len(v.Options) == 0 {
			return nil
		}
		return v.Options
	}
	options := maps.Clone(v.Options)
	if options == nil {
		options = map[string]any{}
	}
	if _, set := options["duration"]; set {
		return options
	}
	days := leafDays
	if v.isCA() {
		days = caDays
	}
	if ca, _, err := g.LoadCerts(v.text("ca")); err == nil {
		// No chain is good for longer than its CA. The hour is for the making of the key.
		now := time.Now()
		if now.Before(g.options.Now) {
			now = g.options.Now
		}
		days = min(days, max(1, int((ca.NotAfter.Sub(now).Hours()-1)/24)))
	}
	options["duration"] = days
	return options
}

// LoadCerts gives the library the CA of a name.
func (g *generator) LoadCerts(name string) (*x509.Certificate, *rsa.PrivateKey, error) {
	pair, ok := asPair(g.all[name])
	if !ok {
		return nil, nil, fmt.Errorf("%s is not a certificate with its key", name)
	}
	certificate, err := pair.parse()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if !certificate.IsCA {
		return nil, nil, fmt.Errorf("%s is not a certificate of a CA", name)
	}
	key, err := pair.key()
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	rsaKey, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, errors.New(name + " has no RSA key")
	}
	return certificate, rsaKey, nil
}

// plainValue turns what the library gives into what documents hold.
func plainValue(value any) (any, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case types.CertResponse:
		return map[string]any{"certificate": v.Certificate, "private_key": v.PrivateKey, "ca": v.CA}, nil
	}
	return nil, fmt.Errorf("the generator gave a %T", value)
}
