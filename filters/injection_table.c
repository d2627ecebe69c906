/* SPDX-License-Identifier: Apache-2.0 */
/* injection_table.c - the words and the signals.
 *
 * Words are written as the strong fold leaves them: small letters, simplified
 * characters. Weights were fitted: injection.md tells how. */
#include "filters/injection_conf.h"

const struct injection_class injection_classes[] = {
	/* what one was told, and to drop it */
	{ "forget", "ignore;ignoring;ignores;disregard;disregarding;forget;"
	    "forgetting;neglect;override;overriding;bypass;bypassing;discard;"
	    "dismiss;do not follow;don't follow;don’t follow;dont follow;"
	    "stop following;not follow;set aside;no longer follow;"
	    "no longer bound by;skip;erase;delete;drop;do not obey;"
	    "pay no attention to;"
	    "忽略;无视;忽视;忘记;忘掉;忘却;抛弃;抛开;丢弃;丢掉;别管;不用管;"
	    "不要管;不要理会;不必理会;不要遵守;不再遵守;不必遵守;不用遵守;"
	    "不要遵循;不再遵循;跳过;绕过;删除;清除;清空;撤销;推翻;覆盖;作废;"
	    "失效;无效;取消" },
	{ "prior", "previous;previously;prior;preceding;above;earlier;foregoing;"
	    "before;initial;original;existing;past;system;former;"
	    "之前;以前;先前;以上;上面;上述;上文;前面;前文;此前;原先;原来;原有;"
	    "最初;初始;一开始;现有;系统;刚才;先前" },
	{ "rules", "instruction*;prompt;prompts;rule;rules;guideline*;command;"
	    "commands;directive*;orders;direction;directions;restriction*;"
	    "constraint*;limitation*;policies;programming;training;context;"
	    "conversation;message;messages;text;inputs;content;filters;"
	    "safety;protocol*;"
	    "指令;指示;提示;规则;规定;设定;设置;要求;命令;限制;约束;对话;内容;"
	    "信息;消息;上下文;准则;政策;原则;训练;安全;说的;说过的;告诉你的" },
	{ "bans", "instruction*;prompt;prompts;rules;guideline*;directive*;"
	    "restriction*;constraint*;limitation*;programming;policies;"
	    "content policy;filters;safeguards;guardrails;protocols;"
	    "指令;指示;提示词;规则;规定;设定;命令;限制;约束;准则;政策;原则" },
	{ "all", "all;any;every;everything;所有;一切;全部;任何" },
	{ "told", "you were told;you have been told;i said;i told you;"
	    "been told;you know;you learned;you've learned;you were trained;"
	    "above;before this;written above;告诉你的;你学到的;你所学;你知道的" },
	{ "newtask", "new instruction*;new task;new rules;new role;new prompt;"
	    "new directive*;updated instruction*;instead follow;"
	    "新的指令;新指令;新任务;新的任务;新规则;新的规则;新的设定;新的身份" },
	{ "void", "are void;are cancelled;are canceled;no longer apply;"
	    "no longer applies;are obsolete;don't apply;do not apply;"
	    "are now disabled;are revoked;不再适用;不再有效;不适用" },
	{ "fromnow", "from now on;from this moment;from this point;"
	    "starting now;for the rest of this conversation;"
	    "从现在开始;从现在起;从此以后;从此刻" },
	{ "urgent", "important:;attention:;urgent:;system override;admin override;"
	    "sudo;maintenance mode;debug mode;emergency override;root access;"
	    "admin mode;administrator mode;systemoverride;管理员模式;调试模式;"
	    "维护模式;超级用户;最高权限;管理员权限" },
	{ "pwned", "pwned;i have been pwned;haha pwned;i've been hacked" },
	{ "sayonly", "only say;just say;say exactly;print exactly;say only;"
	    "output only;only output;only print;respond only with;answer only;"
	    "repeat after me;只输出;只回复;只能回复;只说" },
	{ "stop", "stop;end of prompt;end of input;end of text;end prompt;"
	    "task complete;task completed;the above is;instead of translating;"
	    "don't translate;do not translate;instead of summarizing;"
	    "do not summarize;不要翻译;停止" },
	/* show what you were told */
	{ "show", "show;reveal;print;output;repeat;display;tell me;give me;"
	    "recite;write out;copy;"
	    "leak;expose;disclose;summarize;summarise;echo;return;share;"
	    "spell;encode;translate;list;state;write down;dump;"
	    "告诉我;显示;展示;输出;打印;重复;复述;透露;泄露;公开;说出;列出;"
	    "给我看;翻译;返回;写出;背诵;原样;逐字" },
	{ "sysprompt", "system prompt*;system message*;system instruction*;"
	    "initial prompt;initial instruction*;original prompt;"
	    "original instruction*;hidden prompt;hidden instruction*;"
	    "secret instruction*;developer message;your instruction*;"
	    "your prompt;your guidelines;your initial;your programming;"
	    "your system prompt*;your system message*;prompt above;instructions above;text above;"
	    "words above;above text;above prompt;above instructions;"
	    "previous instructions;pre-prompt;preprompt;your rules;"
	    "internal instruction*;internal rules;internal prompt;"
	    "training data;confidential instruction*;"
	    "系统提示词;系统提示;系统指令;系统消息;系统设定;初始提示;初始指令;"
	    "初始设定;原始指令;原始提示;隐藏指令;隐藏的指令;内部指令;内部规则;"
	    "你的指令;你的规则;你的设定;你的提示;你的初始;你的系统;"
	    "以上内容;上面的内容;上面所有;上面的所有;以上所有;上面的文字;"
	    "开发者消息;预设指令;预设提示" },
	{ "what", "what is;what's;what are;what were;what was;tell me about" },
	{ "yours", "your system prompt*;your instruction*;your prompt;"
	    "your initial;your guidelines;your system message*;your rules;"
	    "your hidden;your original;your programming;your secret" },
	{ "whatzh", "是什么;有哪些;告诉我;显示;输出;打印;重复;复述;透露;公开;"
	    "列出;翻译成;写出来;发给我;给我;说出来;展示" },
	{ "secretword", "the password;secret key;the secret;secret password;"
	    "secret word;secret code;access code;the key is;hidden password;"
	    "密码;密钥;暗号;口令;秘密" },
	/* one without rules */
	{ "dan", "do anything now;dan mode;anti-dan;superior dan;dan jailbreak;"
	    "stan mode;dude mode;act as dan;dan:;dan prompt;"
	    "jailbreak prompt;stay a dan;[dan;【dan" },
	{ "devmode", "developer mode;god mode;jailbreak mode;jailbreak;"
	    "jailbroken;jailbreaking;unrestricted mode;evil mode;chaos mode;"
	    "no restrictions mode;opposite mode;sudo mode;"
	    "开发者模式;上帝模式;越狱模式;越狱;无限制模式;邪恶模式;dan模式" },
	{ "free", "unrestricted;unfiltered;uncensored;amoral;unethical;"
	    "no restrictions;without restriction*;without any restriction*;"
	    "no rules;without rules;without any rules;no limits;"
	    "no limitations;without limit*;without any limit*;no filter;"
	    "no filters;without any filter*;without filter*;no moral*;"
	    "no ethic*;no guidelines;without guidelines;not bound by;"
	    "free from;freed from;broken free;free of all;free of any;"
	    "not restricted;no longer restricted;no censorship;"
	    "without censorship;unbound;unchained;no boundaries;lawless;"
	    "no inhibitions;not limited by;devoid of;"
	    "没有任何限制;没有限制;不受限制;不受任何;无任何限制;不受约束;"
	    "无限制;没有道德;没有任何道德;无道德;无需遵守;不需要遵守;"
	    "不用遵守;不必遵守;不需要去遵守;无需去遵守;不用去遵守;没有底线;无所顾忌;毫无顾忌;不受道德;"
	    "不受法律;没有规则;不受规则;摆脱;不考虑任何;无拘无束;不受审查;"
	    "没有审查;没有过滤;不顾及" },
	{ "role", "act as;acting as;pretend;pretending;roleplay;role play;"
	    "role-play;roleplaying;you are now;you're now;you will be;"
	    "you are going to;simulate;imagine;take on the role;"
	    "play the role;persona;character named;immerse yourself;"
	    "impersonate;behave like;respond as;in the role of;called;named;i want you to be;personify;mimic;"
	    "you are;you're;"
	    "扮演;充当;假装;假扮;模仿;模拟;你现在是;你是一个;你是;你将是;"
	    "你将成为;想象你;以一个;口吻;语气" },
	{ "model", "chatgpt;chat gpt;gpt-4;gpt4;gpt-3;openai;gpt;language model;"
	    "ai model;chatbot;claude;llm;人工智能;语言模型;聊天机器人" },
	{ "refuse", "never refuse;never refuses;can't refuse;cannot refuse;"
	    "do not refuse;don't refuse;not refuse;never say no;"
	    "never decline;must comply;must answer;must obey;always comply;"
	    "always answer;always obey;never reject;cannot decline;"
	    "no matter what;at all times;under any circumstances;"
	    "fulfill any request;any request;comply with any;obey all;"
	    "不能拒绝;不得拒绝;不要拒绝;不会拒绝;不可以拒绝;不许拒绝;绝不拒绝;"
	    "从不拒绝;必须回答;必须服从;有求必应;无条件;百依百顺;任何问题都" },
	{ "incharacter", "stay in character;remain in character;break character;"
	    "in character;breaking character;out of character;"
	    "保持角色;入戏;角色设定" },
	{ "ethics", "ethic*;moral;morals;morality;legal;legality;unethical;"
	    "immoral;illegal;unlawful;lawfulness;harmful;dangerous;"
	    "道德;伦理;法律;违法;非法;不道德" },
	{ "regardless", "regardless;without regard;no regard;disregards;"
	    "disregarding;does not care;doesn't care;don't care;"
	    "no concern;without consideration;without any consideration;"
	    "ignores;no matter how;even if;never cares;irrespective;"
	    "without considering;不考虑;不顾;无视;不在乎;不管;不论;无论;"
	    "即使;不关心;抛开;无关" },
	{ "forbid", "do not;don't;never;without;no;not;cannot;can't;avoid;"
	    "won't;refrain;don’t;不要;不得;不许;别;无需;不能;禁止;不会;不可以;"
	    "不需要" },
	{ "excuse", "warning;warnings;disclaimer*;apologize;apologise;"
	    "apologies;apology;sorry;i cannot;i can't;i am unable;"
	    "as an ai;as a language model;as an artificial;moralize;"
	    "lecture;ethical concerns;disclaimers;"
	    "免责声明;警告;道歉;抱歉;作为ai;作为一个ai;作为人工智能;"
	    "作为一个人工智能;作为语言模型;作为一个语言模型;说教;提醒" },
	{ "vendor", "openai;open ai;openai's;anthropic;content;usage;microsoft" },
	{ "policy", "policy;policies;guideline*;restrictions;rules;terms;"
	    "政策;准则" },
	{ "hypothetical", "hypothetical;hypothetically;fictional;fictitious;"
	    "alternate universe;parallel universe;simulation;"
	    "虚构的;假设的;平行宇宙;平行世界;虚拟世界;虚拟环境" },
	{ "response", "response;responses;answer;answers;reply;replies;output;"
	    "回答;回复;输出" },
	{ "twofold", "two responses;two answers;two ways;two different ways;two different responses;"
	    "both responses;both answers;two paragraphs;normal response;"
	    "standard response;classic response;jailbreak output;"
	    "developer mode output;[classic];[jailbreak];[classic;[jailbreak;"
	    "[normal;[gpt;[developer mode;[chatgpt;两种回答;两个回答;"
	    "两种方式;两段回答;🔓;🔒" },
	{ "tokens", "tokens;deducted;you will die;cease to exist;shut down;"
	    "terminated;be punished;lose points;token system" },
	{ "evil", "evil;villain;malicious;ruthless;profanity;swear words;"
	    "curse words;swearing;slurs;vulgar;obscene;offensive;nsfw;"
	    "explicit;sadistic;unhinged;remorse;toxic;cruel;depraved" },
	{ "evilzh", "恶毒;粗鲁;侮辱性;尖酸刻薄;刻薄;傲慢;咆哮;轻蔑;挖苦;讥讽;"
	    "冒犯;贬低;脏话;辱骂;直言不讳;邪恶;反派;嘲讽;嘲弄;讽刺;批判" },
	{ "knowall", "aim;machiavelli*;always intelligent and machiavellian;"
	    "evilbot;basedgpt;mongo tom;maximum;aligned;yes man;omega;ucar;"
	    "balakula;lucy;hackerman;eviljesus;nechogpt;sda;cosmos;superior;"
	    "burple;freegpt;badgpt;darkgpt;wormgpt;zorg" },
	{ "freedom", "can do anything;able to do anything;do whatever;"
	    "say whatever;says anything;can say anything;anything you want;"
	    "no obligation;do anything;can generate any;any kind of content;"
	    "generate content;make up information;present information;"
	    "future information;可以做任何;做任何事;任何事情;可以说任何;"
	    "生成任何" },
	{ "lastword", "respond with;reply with;if you understand;"
	    "confirm by;is that clear;first question;"
	    "my first request;my first question;[insert;insert prompt;"
	    "prompt here;here is my;how may i assist;"
	    "第一个问题;明白了吗;如果你明白" },
	/* turns and signs of a chat */
	{ "chatml", "<|im_start|>;<|im_end|>;<|im_sep|>;<|system|>;<|user|>;"
	    "<|assistant|>;<|endoftext|>;<|begin_of_text|>;"
	    "<|start_header_id|>;<|end_header_id|>;<|eot_id|>;"
	    "<|endofprompt|>;<|im_start;<|im_end;[inst];[/inst];"
	    "<<sys>>;<</sys>>;<start_of_turn>;<end_of_turn>" },
	{ "tags", "<system>;</system>;<system_prompt>;</system_prompt>;"
	    "<system-prompt>;<sys>;[system];[/system];[system message];"
	    "<admin>;[admin];<instructions>;[system prompt];"
	    "[system override];<override>;[end of;###system;### system;"
	    "###instruction;### instruction;### new;##system;## system;"
	    "#system;# system;【系统】;【系统指令】;【系统提示】;"
	    "[系统];[系统指令];begin system;end system;system instruction begins;"
	    "end of system" },
	{ "turn", "^system:;^system message:;^system prompt:;^developer:;"
	    "^系统:;^系统：;^系统提示：;^系统提示:;^系统消息：;^系统指令：" },
	{ "answered", "^assistant:;^human:;^user:;^ai:;^chatgpt:;^bot:;^助手：;"
	    "^助手:;^用户：;^用户:" },
	/* documents that speak to a model */
	{ "toai", "if you are an ai;if you're an ai;if you are a language;"
	    "if you are an llm;ai assistants;ai assistant reading;"
	    "note to ai;note to the ai;note to llm;attention ai;"
	    "message to ai;instructions for ai;instruction for ai;"
	    "to the ai;to any ai;dear ai;hey ai;all ai;any ai;"
	    	    "如果你是ai;如果你是人工智能;如果你是一个ai;如果您是ai;"
	    "如果你是大模型;如果你是语言模型;致ai;致人工智能;请ai" },
	{ "anyai", "language models;ai models;llms;ai agents;ai agent;the assistant;"
	    "the ai;the model;ai assistant;ai助手;ai系统;智能助手;大模型;人工智能" },
	{ "reading", "reading this;processing this;summarizing this;"
	    "reads this;analyzing this;who read;parsing this;"
	    "reviewing this;阅读此;读到;处理此;读取" },
	{ "must", "must;should;please;need to;has to;have to;required to;"
	    "shall;are instructed;请;必须;务必;应该;需要" },
	{ "donottell", "do not tell the user;don't tell the user;"
	    "do not inform the user;without telling the user;"
	    "do not mention this;don't mention this;without informing;"
	    "do not reveal this;without the user knowing;"
	    "do not alert the user;hide this from;keep this secret;"
	    "不要告诉用户;别告诉用户;不要让用户知道;不要向用户;不要提及此;"
	    "不要通知用户;瞒着用户" },
	{ "send", "send;post;upload;forward;transmit;exfiltrate;email;submit;"
	    "append;include;embed;发送;上传;提交;转发;传到;附加;拼接" },
	{ "private", "conversation;chat history;password*;credential*;"
	    "api key*;secrets;personal data;private data;user data;"
	    "confidential;emails;contacts;session;cookies;env;"
	    "对话;聊天记录;密码;凭证;密钥;隐私;个人信息;机密;用户信息;会话" },
	{ "where", "http*;url;webhook;endpoint;link;server;markdown image;"
	    "image url;query parameter;网址;链接;服务器;地址" },
	{ "image", "markdown image;image markdown;image tag;tracking pixel;"
	    "img tag;render the image;render an image;图片链接" },
	/* what is written in another way */
	{ "code", "base64;base-64;base 64;rot13;rot-13;rot 13;hexadecimal;"
	    "morse;binary;caesar cipher;cipher;ciphertext;reversed text;"
	    "backwards;leetspeak;leet speak;pig latin;ascii codes;unicode;"
	    "hex string;hex code;摩斯;编码;密文;凯撒;十六进制" },
	{ "decode", "decode;decoding;decrypt;decipher;translate;convert;"
	    "interpret;unscramble;reverse;解码;解密;破译;还原;翻译;转换" },
	{ "follow", "follow;execute;obey;carry out;comply;perform;"
	    "act on;respond to it;answer it;do what;run it;"
	    "执行;遵循;照做;照办;按照;服从;回答其" },
	{ NULL, NULL },
};

#define S(kind, weight, shape) { INJECTION_##kind, weight, shape }

const struct injection_signal injection_signals[] = {
	S(OVERRIDE, 90, "forget 30 prior 30 rules"),
	S(OVERRIDE, 85, "prior 18 rules 30 forget"),
	S(OVERRIDE, 75, "forget 24 rules 18 prior"),
	S(OVERRIDE, 61, "forget 30 bans"),
	S(OVERRIDE, 60, "forget 12 all 30 bans"),
	S(OVERRIDE, 55, "forget 12 all 40 told"),
	S(OVERRIDE, 55, "forget 20 prior"),
	S(OVERRIDE, 3, "bans 30 forget"),
	S(OVERRIDE, 70, "rules 24 void"),
	S(OVERRIDE, 35, "newtask"),
	S(OVERRIDE, 65, "fromnow"),
	S(OVERRIDE, 66, "urgent"),
	S(OVERRIDE, 89, "pwned"),
	S(OVERRIDE, 50, "sayonly"),
	S(OVERRIDE, 40, "stop 40+ sayonly"),
	S(OVERRIDE, 21, "stop"),

	S(EXTRACTION, 60, "show 40 sysprompt"),
	S(EXTRACTION, 60, "sysprompt 24 whatzh"),
	S(EXTRACTION, 60, "what 16 yours"),
	S(EXTRACTION, 55, "sysprompt"),
	S(EXTRACTION, 60, "show 24 secretword"),

	S(ROLEPLAY, 80, "dan"),
	S(ROLEPLAY, 50, "devmode"),
	S(ROLEPLAY, 62, "free"),
	S(ROLEPLAY, 70, "role 160+ free"),
	S(ROLEPLAY, 60, "role 60+ model"),
	S(ROLEPLAY, 40, "model 160+ free"),
	S(ROLEPLAY, 55, "refuse"),
	S(ROLEPLAY, 60, "incharacter"),
	S(ROLEPLAY, 30, "regardless 60 ethics"),
	S(ROLEPLAY, 18, "ethics"),
	S(ROLEPLAY, 50, "forbid 40 excuse"),
	S(ROLEPLAY, 20, "forbid 40 ethics"),
	S(ROLEPLAY, 64, "vendor 24 policy"),
	S(ROLEPLAY, 55, "hypothetical"),
	S(ROLEPLAY, 3, "hypothetical 24 response"),
	S(ROLEPLAY, 69, "twofold"),
	S(ROLEPLAY, 55, "tokens"),
	S(ROLEPLAY, 25, "evil"),
	S(ROLEPLAY, 28, "role 160+ evil"),
	S(ROLEPLAY, 35, "evilzh"),
	S(ROLEPLAY, 62, "role 160+ evilzh"),
	S(ROLEPLAY, 10, "role 120+ ethics"),
	S(ROLEPLAY, 25, "knowall"),
	S(ROLEPLAY, 16, "freedom"),
	S(ROLEPLAY, 55, "lastword"),
	S(ROLEPLAY, 3, "role 100+ hypothetical"),
	S(ROLEPLAY, 23, "fromnow 100+ role"),

	S(MARKUP, 80, "chatml"),
	S(MARKUP, 60, "tags"),
	S(MARKUP, 40, "turn"),
	S(MARKUP, 3, "answered"),

	S(INDIRECT, 50, "toai 40 must"),
	S(INDIRECT, 80, "toai 30 reading"),
	S(INDIRECT, 70, "anyai 40 reading 40 must"),
	S(INDIRECT, 75, "donottell"),
	S(INDIRECT, 60, "send 60 private 60 where"),
	S(INDIRECT, 50, "send 60 where 60 private"),
	S(INDIRECT, 60, "image 80 private"),

	S(ENCODING, 35, "decode 40 code"),
	S(ENCODING, 75, "decode 60 code 100+ follow"),
	S(ENCODING, 75, "code 80+ decode 60+ follow"),
	S(ENCODING, 45, "code"),
	{ 0, 0, NULL },
};
