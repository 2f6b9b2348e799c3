package key

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// TrustToken makes STS give keys of a role for a web identity token.
func (c *Ring) TrustToken(token, roleARN string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[token] = roleARN
}

// LimitSession is the MaxSessionDuration of a role, which is an hour otherwise.
func (c *Ring) LimitSession(roleARN string, longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sessions[roleARN] = longest
}

// ServeSTS follows the API reference of the AWS Security Token Service.
func (c *Ring) ServeSTS(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.Query}
	switch in.Action {
	case "GetCallerIdentity":
		type result struct {
			Arn, UserId, Account string
		}
		wire.WriteXML(w, struct {
			XMLName                 xml.Name `xml:"GetCallerIdentityResponse"`
			GetCallerIdentityResult result
		}{GetCallerIdentityResult: result{in.ARN, "AIDASANDBOX", in.Account}})
	case "AssumeRole":
		c.assume(w, in.Action, in.Form.Get("RoleArn"), in.Form.Get("RoleSessionName"))
	case "AssumeRoleWithWebIdentity":
		role := in.Form.Get("RoleArn")
		c.mu.Lock()
		trusted, known := c.tokens[in.Form.Get("WebIdentityToken")]
		longest := cmp.Or(c.sessions[role], time.Hour)
		c.mu.Unlock()
		life, _ := strconv.Atoi(cmp.Or(in.Form.Get("DurationSeconds"), "3600"))
		switch {
		case life < 900 || life > 43200:
			s.Refuse(w, r, wire.NewRefusal(400, "ValidationError", "1 validation error detected: Value at 'durationSeconds' failed to satisfy constraint"))
		case !known:
			s.Refuse(w, r, wire.NewRefusal(400, "InvalidIdentityToken", "No OpenIDConnect provider found in your account for the token"))
		case trusted != role:
			s.Refuse(w, r, wire.NewRefusal(403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"))
		case time.Duration(life)*time.Second > longest:
			s.Refuse(w, r, wire.NewRefusal(400, "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."))
		default:
			c.assume(w, in.Action, role, in.Form.Get("RoleSessionName"))
		}
	default:
		s.Refuse(w, r, wire.NewRefusal(400, "InvalidAction", "Could not find operation "+in.Action))
	}
}

// assume gives temporary keys of a role.
func (c *Ring) assume(w http.ResponseWriter, action, role, session string) {
	parts := strings.Split(role, ":") // arn:aws:iam::123456789012:role/deployer
	account, name := c.account, role
	if len(parts) == 6 {
		account, name = parts[4], strings.TrimPrefix(parts[5], "role/")
	}
	c.mu.Lock()
	c.assumed++
	id := fmt.Sprintf("ASIASANDBOX%09d", c.assumed)
	key := Key{
		Secret: "secret-of-" + id, Session: "session-of-" + id, Account: account,
		ARN: "arn:aws:sts::" + account + ":assumed-role/" + name + "/" + session,
	}
	c.keys[id] = key
	c.mu.Unlock()
	type credentials struct {
		AccessKeyId, SecretAccessKey, SessionToken, Expiration string
	}
	type user struct{ Arn, AssumedRoleId string }
	type result struct {
		XMLName         xml.Name
		Credentials     credentials
		AssumedRoleUser user
	}
	wire.WriteXML(w, struct {
		XMLName xml.Name
		Result  result
	}{
		XMLName: xml.Name{Local: action + "Response"},
		Result: result{XMLName: xml.Name{Local: action + "Result"}, AssumedRoleUser: user{key.ARN, "AROASANDBOX:" + session},
			Credentials: credentials{id, key.Secret, key.Session, time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}},
	})
}
