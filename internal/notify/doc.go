// Package notify carries messages to e-mail, signed webhooks and the robots of DingTalk, WeCom and Feishu, and writes their
// texts in Chinese and English. It is what delivery calls a Sender.
//
// Addresses are chosen by strangers. So HTTP goes to public addresses only, unless the operator allows a network: this is
// checked for the very address that is being connected to, after the name has been resolved, so that a name cannot be one
// thing when it is checked and another when it is used. No redirect is followed and no proxy is asked. A try takes at most
// its timeout, whatever the receiver does; of an answer 64 KiB are read and a short piece is kept.
//
// The mail server is the operator's and is not checked.
//
// Errors are shown to the project: they hold no address with a key in it, no key and no signature.
//
// It keeps no state: a crash leaves nothing behind.
package notify
