/* SPDX-License-Identifier: Apache-2.0 */
/* test_pii_china.c - personal data of China: what is found and what is not.
 * All numbers are invented. */
#include "tests/pii_look.h"

static void
finds_a_resident_id_by_its_checksum(void)
{
	SEES("cn_resident_id", "我的身份证是310115190703275434，帮我查",
	    "310115190703275434");
	SEES("cn_resident_id", "11010519491231002X", "11010519491231002X");
	SEES("cn_resident_id", "id_card=11010519491231002x.",
	    "11010519491231002x");
	SEES("cn_resident_id", "110105 19491231 002X", "110105 19491231 002X");
	SEES("cn_resident_id", "身份证310115190703275433", "");
}

static void
wants_a_place_and_a_date_in_a_resident_id(void)
{
	/* Right checksums, but no such province, month or day. */
	SEES("cn_resident_id", "身份证180115190703275437", "");
	SEES("cn_resident_id", "证件号420106191620131439", "");
	SEES("cn_resident_id", "990105194912310025", "");
}

static void
finds_the_old_resident_id_only_where_words_name_it(void)
{
	SEES("cn_resident_id", "身份证号：110105491231002", "110105491231002");
	SEES("cn_resident_id", "订单110105491231002", "");
	SEES("cn_resident_id", "身份证号：110105491331002", "");
}

static void
finds_no_number_inside_a_longer_one(void)
{
	SEES("cn_resident_id", "9310115190703275434", "");
	SEES("cn_resident_id", "3101151907032754341", "");
	SEES("cn_mobile", "订单69513800138000478822", "");
	SEES("cn_mobile", "3.13800138000", "");
	SEES("cn_mobile", "13800138000.5", "");
	SEES("cn_mobile", "a13800138000b", "");
	SEES("cn_bank_card", "a6222021398588748084", "");
}

static void
finds_a_mobile_number_as_people_write_it(void)
{
	SEES("cn_mobile", "我的手机号是13800138000请联系", "13800138000");
	SEES("cn_mobile", "call 138-0013-8000.", "138-0013-8000");
	SEES("cn_mobile", "138 0013 8000", "138 0013 8000");
	SEES("cn_mobile", "+86 13800138000", "+86 13800138000");
	SEES("cn_mobile", "电话(+86)13800138000", "(+86)13800138000");
	SEES("cn_mobile", "008613800138000", "008613800138000");
	SEES("cn_mobile", "tel13800138000", "13800138000");
	SEES("cn_mobile", "13800138000/13900139000",
	    "13800138000|13900139000");
}

static void
knows_which_mobile_ranges_exist(void)
{
	SEES("cn_mobile", "12345678901 10586269688 15400138000", "");
	SEES("cn_mobile", "+4915112345678 +1 13800138000", "");
	SEES("cn_mobile", "时间戳1709023122547", "");
}

static void
finds_landlines_by_area_code(void)
{
	SEES("cn_landline", "公司座机0512-44174510转806", "0512-44174510");
	SEES("cn_landline", "电话：(010)62345678", "(010)62345678");
	SEES("cn_landline", "+86 10 6234 5678", "+86 10 6234 5678");
	SEES("cn_landline", "电话010-62345678-801", "010-62345678-801");
	SEES("cn_landline", "客服400-820-8820", "400-820-8820");
	SEES("cn_landline", "电话是66174063、66174043", "66174063");
	SEES("cn_landline", "共66174063元", "");
	SEES("cn_landline", "0260-44174510", "");
	SEES("cn_landline", "PL41 9566 1988 8040 0762 8375 8012", "");
}

static void
finds_bank_cards_by_luhn(void)
{
	SEES("cn_bank_card", "请打款到6225881182827574416，户名李四",
	    "6225881182827574416");
	SEES("cn_bank_card", "6225 8811 8282 7574 416", "6225 8811 8282 7574 "
	    "416");
	SEES("cn_bank_card", "6225881182827574417", "");
	SEES("cn_bank_card", "4111111111111111", "");
}

static void
finds_a_credit_code_by_its_checksum(void)
{
	SEES("cn_uscc", "税号91350100M000100Y43", "91350100M000100Y43");
	SEES("cn_uscc", "91350100m000100y43", "91350100m000100y43");
	SEES("cn_uscc", "91350100M000100Y44", "");
	SEES("cn_uscc", "X91350100M000100Y43", "");
}

static void
finds_a_passport_only_where_words_name_it(void)
{
	SEES("cn_passport", "护照号E12345678", "E12345678");
	SEES("cn_passport", "passport no. EA1234567", "EA1234567");
	SEES("cn_passport", "护照：DE1234567", "DE1234567");
	SEES("cn_passport", "护照150012345", "150012345");
	SEES("cn_passport", "型号E12345678", "");
	SEES("cn_passport", "护照号E1234567", "");
	SEES("cn_passport", "护照号EI1234567", "");
}

static void
finds_plates_old_and_new(void)
{
	SEES("cn_plate", "车牌粤B12345挡住我了", "粤B12345");
	SEES("cn_plate", "我的车是沪AD12345", "沪AD12345");
	SEES("cn_plate", "京A·12345", "京A·12345");
	SEES("cn_plate", "粤Z1234港", "粤Z1234港");
	SEES("cn_plate", "鲁B1234学", "鲁B1234学");
	SEES("cn_plate", "粤B1234", "");
	SEES("cn_plate", "全新B123456", "");
	SEES("cn_plate", "阿里云ECS12345", "");
	SEES("cn_plate", "新RTX4090显卡", "");
}

static void
finds_names_behind_what_announces_them(void)
{
	SEES("cn_name", "我叫张伟，今年20岁", "张伟");
	SEES("cn_name", "收件人：欧阳小明 电话", "欧阳小明");
	SEES("cn_name", "姓名：张伟 身份证", "张伟");
	SEES("cn_name", "我叫李小龙住在北京", "李小龙");
	SEES("cn_name", "请王小明先生接电话", "王小明");
	SEES("cn_name", "王先生你好", "");
	SEES("cn_name", "有个名叫张伟的人", "张伟");
	SEES("cn_name", "景点名叫郭守敬纪念馆", "");
	SEES("cn_name", "我叫他别来", "");
	SEES("cn_name", "张伟和李娜去上海", "");
}

static void
finds_addresses_that_are_built_like_one(void)
{
	SEES("cn_address", "寄到北京市海淀区中关村大街27号院3号楼501室，谢谢",
	    "北京市海淀区中关村大街27号院3号楼501室");
	SEES("cn_address", "住址：和平路12弄5号。", "和平路12弄5号");
	SEES("cn_address", "地址就在西单北大街130号", "西单北大街130号");
	SEES("cn_address", "广东省深圳市南山区科技园路1号",
	    "广东省深圳市南山区科技园路1号");
	SEES("cn_address", "北京市海淀区很大", "");
	SEES("cn_address", "上海的路很长，一共10号线", "");
}

static void
finds_dates_of_birth_but_no_other_dates(void)
{
	SEES("birth_date", "出生日期：1990-05-01", "1990-05-01");
	SEES("birth_date", "生日1990年5月1日", "1990年5月1日");
	SEES("birth_date", "他1990年5月出生", "1990年5月");
	SEES("birth_date", "出生19900501", "19900501");
	SEES("birth_date", "会议在2024年5月1日", "");
	SEES("birth_date", "出生日期：1990-15-41", "");
	SEES("birth_date", "2024-04-12 12:30:45", "");
}

int
main(void)
{
	RUN(finds_a_resident_id_by_its_checksum);
	RUN(wants_a_place_and_a_date_in_a_resident_id);
	RUN(finds_the_old_resident_id_only_where_words_name_it);
	RUN(finds_no_number_inside_a_longer_one);
	RUN(finds_a_mobile_number_as_people_write_it);
	RUN(knows_which_mobile_ranges_exist);
	RUN(finds_landlines_by_area_code);
	RUN(finds_bank_cards_by_luhn);
	RUN(finds_a_credit_code_by_its_checksum);
	RUN(finds_a_passport_only_where_words_name_it);
	RUN(finds_plates_old_and_new);
	RUN(finds_names_behind_what_announces_them);
	RUN(finds_addresses_that_are_built_like_one);
	RUN(finds_dates_of_birth_but_no_other_dates);
	return CHECK_DONE();
}
