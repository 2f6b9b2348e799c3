package key

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/wire"
)

// AccessKeys lists the ids of a user's access keys, in the order of their making.
func (c *Ring) AccessKeys(user string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keysOf(user)
}

func (c *Ring) keysOf(user string) []string {
	var ids []string
	for id, key := range c.keys {
		if strings.HasSuffix(key.ARN, ":user/"+user) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// maxKeys is how many access keys IAM lets a user have.
const maxKeys = 2

// ServeIAM follows the API reference of IAM. A user is there when somebody asks for it.
func (c *Ring) ServeIAM(w http.ResponseWriter, r *http.Request, in *wire.Call) {
	s := wire.Service{Protocol: wire.Query}
	user, id, now := in.Form.Get("UserName"), in.Form.Get("AccessKeyId"), c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	type key struct {
		UserName, AccessKeyId, Status string
		SecretAccessKey               string `xml:",omitempty"`
		CreateDate                    string // "2026-11-21T19:40:59Z"
	}
	switch in.Action {
	case "ListAccessKeys":
		type result struct {
			AccessKeyMetadata struct {
				Member []key `xml:"member"`
			}
			IsTruncated bool
		}
		var all result
		for _, id := range c.keysOf(user) {
			all.AccessKeyMetadata.Member = append(all.AccessKeyMetadata.Member, key{UserName: user, AccessKeyId: id, Status: "Active", CreateDate: c.keys[id].Made.Format(time.RFC3339)})
		}
		wire.WriteXML(w, struct {
			XMLName              xml.Name `xml:"ListAccessKeysResponse"`
			ListAccessKeysResult result
		}{ListAccessKeysResult: all})
	case "CreateAccessKey":
		if len(c.keysOf(user)) >= maxKeys {
			s.Refuse(w, r, wire.NewRefusal(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"))
			return
		}
		c.made++
		made := key{user, fmt.Sprintf("AKIASANDBOX%09d", 100+c.made), "Active", fmt.Sprintf("secret-of-%s-%d", user, c.made), now.Format(time.RFC3339)}
		c.keys[made.AccessKeyId] = Key{Made: now, Secret: made.SecretAccessKey, Account: c.account, ARN: "arn:aws:iam::" + c.account + ":user/" + user}
		type result struct{ AccessKey key }
		wire.WriteXML(w, struct {
			XMLName               xml.Name `xml:"CreateAccessKeyResponse"`
			CreateAccessKeyResult result
		}{CreateAccessKeyResult: result{made}})
	case "DeleteAccessKey":
		if !slices.Contains(c.keysOf(user), id) {
			s.Refuse(w, r, wire.NewRefusal(404, "NoSuchEntity", "The Access Key with id "+id+" cannot be found."))
			return
		}
		delete(c.keys, id)
		wire.WriteXML(w, struct {
			XMLName xml.Name `xml:"DeleteAccessKeyResponse"`
		}{})
	default:
		s.Refuse(w, r, wire.NewRefusal(400, "InvalidAction", "Could not find operation "+in.Action))
	}
}
