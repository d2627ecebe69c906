/* SPDX-License-Identifier: Apache-2.0 */
/* test_pii_world.c - personal data outside of China, and of networks. All
 * numbers are invented, or published as examples. */
#include "filters/pii_digest.h"
#include "tests/pii_look.h"

static void
finds_email_addresses_in_any_surroundings(void)
{
	SEES("email", "请发简历到a.b.c06@corp.example.co.uk谢谢",
	    "a.b.c06@corp.example.co.uk");
	SEES("email", "{\"user\": \"info@example.org\"}", "info@example.org");
	SEES("email", "email=dev+test@example.com, <x_y@a-b.example>",
	    "dev+test@example.com|x_y@a-b.example");
	SEES("email", "mail a@xn--d1acufc.xn--p1ai.", "a@xn--d1acufc.xn--p1ai");
	SEES("email", "Write to bob@example.com.", "bob@example.com");
}

static void
takes_no_other_at_sign_for_an_email_address(void)
{
	SEES("email", "foo@bar a@b @alice info@example. photo@2x.png", "");
	SEES("email", "git@github.com:user/repo x@1.2.3", "");
	SEES("email", "redis://admin:lan9Xm@db.example.com:5432/prod", "");
	SEES("email", "a.@example.com", "");
}

/* RFC 5321 ends a local part at 64 bytes, which also ends the wait. */
static void
has_a_longest_local_part(void)
{
	char text[128] = "";

	memset(text, 'a', 64);
	strcpy(text + 64, "@example.com");
	SEES("email", text, text);
	memmove(text + 1, text, strlen(text) + 1);
	SEES("email", text, "");
}

static void
finds_ibans_of_each_country_by_length_and_rest(void)
{
	SEES("iban", "IBAN: DE89 3704 0044 0532 0130 00 please",
	    "DE89 3704 0044 0532 0130 00");
	SEES("iban", "gb29nwbk60161331926819", "gb29nwbk60161331926819");
	SEES("iban", "转到NO9386011117947.", "NO9386011117947");
	SEES("iban", "ibanDE89370400440532013000", "DE89370400440532013000");
	SEES("iban", "DE88 3704 0044 0532 0130 00", "");
	SEES("iban", "DE8937040044053201300", "");
	SEES("iban", "XX89370400440532013000", "");
}

static void
finds_cards_by_issuer_length_and_luhn(void)
{
	SEES("card", "pay 4111 1111 1111 1111 12/27", "4111 1111 1111 1111");
	SEES("card", "3782-822463-10005", "3782-822463-10005");
	SEES("card", "5555555555554444", "5555555555554444");
	SEES("card", "card 4222222222222", "4222222222222");
	SEES("card", "4111111111111111 5500000000000004",
	    "4111111111111111|5500000000000004");
	SEES("card", "4111 1111 1111 1111 5500 0000 0000 0004",
	    "4111 1111 1111 1111|5500 0000 0000 0004");
	SEES("card", "4111111111111112 1234567890123452", "");
	SEES("card", "41111-1111-1111-1111", "");
}

static void
takes_no_resident_id_for_a_card(void)
{
	SEES("card", "650102190909030148", "");
	SEES("card", "证件号500112190513123284", "");
}

static void
knows_the_rules_of_social_security_numbers(void)
{
	SEES("us_ssn", "My SSN is 576-09-7980.", "576-09-7980");
	SEES("us_ssn", "078 05 1123", "078 05 1123");
	SEES("us_ssn", "SSN 576097980", "576097980");
	SEES("us_ssn", "576097980", "");
	SEES("us_ssn", "000-31-6474 666-12-1234 939-00-6290 219-00-6065", "");
	SEES("us_ssn", "457-55-0000 078-05-1120 693-09.4444", "");
	SEES("us_itin", "911-70-1234 911-89-1234", "911-70-1234");
}

static void
finds_phone_numbers_of_many_plans(void)
{
	SEES("phone_e164", "+55 11 98456 5666 or +44 (0)20 7946 0958.",
	    "+55 11 98456 5666|+44 (0)20 7946 0958");
	SEES("phone_e164", "tel +4915112345678", "+4915112345678");
	SEES("phone_e164", "1+1=2 +12 +999123456789 C++11", "");
	SEES("us_phone", "call (212) 555-0179, 212.555.0179 or +1 212-555-0179",
	    "(212) 555-0179|212.555.0179|+1 212-555-0179");
	SEES("us_phone", "512-463-9835", "512-463-9835");
	SEES("us_phone", "112-463-9835 512-063-9835 5124639835", "");
	SEES("uk_phone", "Ring me on 07700 900838", "07700 900838");
	SEES("uk_phone", "07700900838", "");
}

static void
finds_network_addresses_but_no_versions(void)
{
	SEES("ip", "访问 http://16.194.232.53:8080/ 和10.0.0.1。",
	    "16.194.232.53|10.0.0.1");
	SEES("ip", "[2001:db8::1]:8080 fe80::1 ::ffff:192.0.2.1",
	    "2001:db8::1|fe80::1|::ffff:192.0.2.1");
	SEES("ip", "version 1.2.3.4 v1.2.3.4 版本1.2.3.4 numpy==1.2.3.4", "");
	SEES("ip", "1.2.3 192.168.1.256 1.2.3.4.5 01.2.3.4", "");
	SEES("ip", "std::cout Ratio 1:2:3:4 12:34:56 l[::3] 2001::25de::cade",
	    "");
	SEES("mac", "ether 9e:40:5e:25:6d:81, AA-BB-CC-DD-EE-FF",
	    "9e:40:5e:25:6d:81|AA-BB-CC-DD-EE-FF");
	SEES("mac", "Cisco 0012.3456.789A", "0012.3456.789A");
	SEES("mac", "00:1A:2B:3C:4D FF:FF:FF:FF:FF:FF 00:00:00:00:00:00 "
	    "00:1A:2B:3C:4D:5E:6F", "");
}

static void
leaves_private_networks_alone_where_asked(void)
{
	struct judge j = pii_open("ip", 0.5, MG_FOLD_NONE);
	struct mg_value *v = (struct mg_value *)(uintptr_t)j.rules[0].match;

	j.type->close(j.conf);
	v[2].number = 1;
	j.conf = j.type->open(j.rules, 1, judge_warned, &j, &j.err);
	CHECK_STR(pii_seen(&j, "10.1.2.3 172.16.0.1 8.8.8.8 fe80::1 ::1"),
	    "8.8.8.8");
	judge_close(&j);
}

static void
proves_crypto_addresses_where_case_is_known(void)
{
	SEES("crypto_address", "send btc to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
	    "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa");
	SEES("crypto_address", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "");
	SEES("crypto_address", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
	    "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq");
	SEES("crypto_address", "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",
	    "");
	SEES("crypto_address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
	    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
	SEES("crypto_address", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
	    "");
	SEES("crypto_address", "转到0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
	    "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed");
	SEES("crypto_address", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
	    "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t");
}

static void
knows_the_shape_of_crypto_addresses_where_case_is_lost(void)
{
	struct judge j = pii_open("crypto_address", 0.5, MG_FOLD_BASIC);

	CHECK_STR(pii_seen(&j, "钱包地址1a1zp1ep5qgefi2dmptftl5slmv7divfna。"),
	    "1a1zp1ep5qgefi2dmptftl5slmv7divfna");
	CHECK_STR(pii_seen(&j, "md5 1a79a4d60de6718e8e5b326e338ae533"), "");
	CHECK_STR(pii_seen(&j, "1a1zp1ep5qgefi2dmptftl5slmv7divfna+x"), "");
	CHECK_STR(pii_seen(&j, "btc 1a1zp1ep5qgefi2dmptftl5slmv7divfna2"), "");
	judge_close(&j);
}

/* Examples of EIP-55. */
static void
computes_keccak_as_ethereum_does(void)
{
	CHECK(eip55_check("fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"));
	CHECK(eip55_check("dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"));
	CHECK(!eip55_check("DbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"));
}

static void
finds_english_names_behind_titles_and_introductions(void)
{
	SEES("en_name", "Ask Mr. John Smith about it", "John Smith");
	SEES("en_name", "my name is Rubija", "Rubija");
	SEES("en_name", "I'm Naomi Ryan, from", "Naomi Ryan");
	SEES("en_name", "I'm happy. Dear Sir, hi there", "");
	SEES("en_name", "Paris is lovely", "");
}

static void
finds_english_names_where_case_is_lost(void)
{
	struct judge j = pii_open("en_name", 0.5, MG_FOLD_BASIC);

	CHECK_STR(pii_seen(&j, "my name is john smith and i live"),
	    "john smith");
	CHECK_STR(pii_seen(&j, "mr. gates said so"), "gates");
	CHECK_STR(pii_seen(&j, "i'm fine, the name is wrong"), "");
	judge_close(&j);
}

static void
finds_english_addresses(void)
{
	SEES("en_address", "I live at 1600 Pennsylvania Avenue NW",
	    "1600 Pennsylvania Avenue");
	SEES("en_address", "Ship to 12 N. Main St, Apt 4B, Boston, MA 02115.",
	    "12 N. Main St, Apt 4B, Boston, MA 02115");
	SEES("en_address", "P.O. Box 1234, please", "1234");
	SEES("en_address", "I have 2 cars and 3 dogs on the street", "");
	SEES("en_address", "5 miles down the road, 40 square feet", "");
}

static void
finds_birth_dates_in_english(void)
{
	SEES("birth_date", "She was born on March 5th, 1990.",
	    "March 5th, 1990");
	SEES("birth_date", "DOB: 05/12/1988", "05/12/1988");
	SEES("birth_date", "Date of birth 5 March 1990", "5 March 1990");
	SEES("birth_date", "We met on March 5, 1990", "");
}

int
main(void)
{
	RUN(finds_email_addresses_in_any_surroundings);
	RUN(takes_no_other_at_sign_for_an_email_address);
	RUN(has_a_longest_local_part);
	RUN(finds_ibans_of_each_country_by_length_and_rest);
	RUN(finds_cards_by_issuer_length_and_luhn);
	RUN(takes_no_resident_id_for_a_card);
	RUN(knows_the_rules_of_social_security_numbers);
	RUN(finds_phone_numbers_of_many_plans);
	RUN(finds_network_addresses_but_no_versions);
	RUN(leaves_private_networks_alone_where_asked);
	RUN(proves_crypto_addresses_where_case_is_known);
	RUN(knows_the_shape_of_crypto_addresses_where_case_is_lost);
	RUN(computes_keccak_as_ethereum_does);
	RUN(finds_english_names_behind_titles_and_introductions);
	RUN(finds_english_names_where_case_is_lost);
	RUN(finds_english_addresses);
	RUN(finds_birth_dates_in_english);
	return CHECK_DONE();
}
